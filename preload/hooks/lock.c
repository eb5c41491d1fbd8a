/* SPDX-License-Identifier: MIT */
/*
 * Mutexes and read-write locks that are held (D23), and what must not be done with them
 * (D24): unlocking what is not locked or another's, destroying or freeing what is.
 *
 * A lock is asked itself before anything is said of it (facts/lock.h).
 *
 * Left out, in tests/unit/tracker/names_left_out.txt: spin locks, which are cheaper than
 * any look.
 */
#include "preload/hooks/lock.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <threads.h>

#include "preload/facts/lock.h"
#include "preload/ground/config.h"
#include "preload/ground/sys.h"

#define OWN_LOCKS 16u

extern struct hook hook_free; /* memory.c */

_Atomic bool lock_watching;

void lock_watch(void)
{
    atomic_store(&lock_watching, true);
}

/* ---- the books ---- */

static uint64_t address_of(const void *lock)
{
    return (uint64_t)(uintptr_t)lock;
}

static uint64_t reader_of(const void *lock)
{
    return address_of(lock) | (uint64_t)self.task << LOCK_ADDRESS_BITS; /* what fits of it */
}

/* What this thread has locked last. Of others' locks in a block that it frees nothing is
 * known without a look at all there are. */
static _Thread_local struct {
    uint64_t handles[OWN_LOCKS];
    uint32_t count; /* of all that were ever put here */
} own __attribute__((tls_model("initial-exec")));

static void own_note(uint64_t handle)
{
    own.handles[own.count++ % OWN_LOCKS] = handle;
}

static void locked(struct hook *hook, const struct call_site *site, enum holding_detail detail,
                   uint64_t handle)
{
    uint32_t stack = family_stack(hook, site);
    struct holding_copy holding = holding_now(CTT_KIND_LOCK, detail, handle, stack);
    holding.owner = self.tid; /* holding_now has met the thread */
    family_tally(stack, CTT_KIND_LOCK);
    key_enter(&holding);
    own_note(handle);
}

static void mutex_locked(struct hook *hook, const struct call_site *site,
                         const pthread_mutex_t *mutex)
{
    if (!lock_is_followed(mutex))
        return;
    struct holding_copy now;
    bool again = lock_is_recursive(mutex) && key_read(CTT_KIND_LOCK, address_of(mutex), &now) &&
                 now.task == self.task && key_again(CTT_KIND_LOCK, address_of(mutex));
    if (!again)
        locked(hook, site, DETAIL_MUTEX, address_of(mutex));
}

void lock_misused(struct hook *hook, const struct call_site *site, enum ctt_mishap_id id,
                  const void *lock, int error, const struct holding_copy *was)
{
    mishap_note((struct ctt_mishap){.id = id,
                                    .kind = CTT_KIND_LOCK,
                                    .handle = address_of(lock),
                                    .error = (uint32_t)error,
                                    .stack = family_stack(hook, site),
                                    .acquired_stack = was ? was->stack : 0});
}

/* A fork's child gives back what its parent's thread had locked. */
static bool is_anothers(const pthread_mutex_t *mutex, const struct holding_copy *was)
{
    uint32_t owner = lock_owner(mutex);
    return was->task != self.task && owner == was->owner && owner != self.tid;
}

/* What unlocking a lock comes to, decided before the real call, after which another may
 * have locked it again; told when that has not refused. */
struct unlocking {
    enum ctt_mishap_id misuse; /* 0: none */
    bool had;
    struct holding_copy was;
};

static void mutex_unlocking(struct unlocking *unlocking, const pthread_mutex_t *mutex)
{
    struct holding_copy *was = &unlocking->was;
    if (!lock_is_followed(mutex))
        return;
    if (lock_is_free(mutex))
        unlocking->misuse = CTT_MISHAP_UNLOCKED_FREE;
    else if (key_read(CTT_KIND_LOCK, address_of(mutex), was) && is_anothers(mutex, was))
        unlocking->misuse = CTT_MISHAP_UNLOCKED_FOREIGN;
    unlocking->had = key_take(CTT_KIND_LOCK, address_of(mutex), was);
}

static void rwlock_unlocking(struct unlocking *unlocking, const pthread_rwlock_t *lock)
{
    if (rwlock_is_free(lock))
        unlocking->misuse = CTT_MISHAP_UNLOCKED_FREE;
    unlocking->had = key_take(CTT_KIND_LOCK, reader_of(lock), &unlocking->was) ||
                     key_take(CTT_KIND_LOCK, address_of(lock), &unlocking->was);
}

static void unlocked(struct hook *hook, const struct call_site *site, const void *lock,
                     const struct unlocking *unlocking, int result)
{
    if (result != 0 && unlocking->had)
        key_enter(&unlocking->was); /* refused: whoever has it has it still */
    if (result == 0 && unlocking->misuse)
        lock_misused(hook, site, unlocking->misuse, lock, 0,
                     unlocking->was.live ? &unlocking->was : NULL);
}

/* ---- freed with the memory that they lie in ---- */

static bool is_within(uint64_t handle, uint64_t begin, uint64_t bytes, struct holding_copy *ret)
{
    return handle && LOCK_ADDRESS(handle) - begin < bytes && key_read(CTT_KIND_LOCK, handle, ret) &&
           ret->task == self.task && lock_is_held(ret);
}

void lock_freeing(const struct call_site *site, uint64_t begin, uint64_t bytes)
{
    struct holding_copy was;
    for (uint32_t i = 0; i < OWN_LOCKS && i < own.count; i++) {
        if (!is_within(own.handles[i], begin, bytes, &was))
            continue;
        lock_misused(&hook_free, site, CTT_MISHAP_FREED_LOCKED,
                     (const void *)(uintptr_t)LOCK_ADDRESS(was.handle), 0, &was);
        key_take(CTT_KIND_LOCK, was.handle, &was);
    }
}

/* ---- shapes ---- */

/* An allocator that is bound before us locks something while it begins. It must find the
 * real function, and no other may be looked up for that: a look-up that fails asks it for
 * memory. While names are looked up there is one thread, and whatever it locks is free. */
#define LOCKING(function, params, args, entered)                                                   \
    HOOK(function);                                                                                \
    WATCHED int function##_watched AND_SITE params                                                 \
    {                                                                                              \
        __typeof__(&function) real = REAL_ALONE(function);                                         \
        if (!real || !lock_may_record(GUARD_FRAME()))                                              \
            return real ? real args : 0;                                                           \
        int result;                                                                                \
        BLOCKS(result = real args);                                                                \
        if (result == 0) {                                                                         \
            struct hook *hook = &hook_##function;                                                  \
            entered;                                                                               \
        }                                                                                          \
        return result;                                                                             \
    }                                                                                              \
    EXPORTS_BLOCKING(function, params, args)

#define UNLOCKING(function, params, args, lock, taken)                                             \
    HOOK(function);                                                                                \
    WATCHED int function##_watched AND_SITE params                                                 \
    {                                                                                              \
        __typeof__(&function) real = REAL_ALONE(function);                                         \
        if (!real || !lock_may_record(GUARD_FRAME()))                                              \
            return real ? real args : 0;                                                           \
        struct unlocking unlocking = {.had = false};                                               \
        taken(&unlocking, (const void *)(lock));                                                   \
        int result = real args;                                                                    \
        unlocked(&hook_##function, site, lock, &unlocking, result);                                \
        return result;                                                                             \
    }                                                                                              \
    EXPORTS(function, params, args)

#define IS_KNOWN(function)                                                                         \
    __builtin_expect(atomic_load_explicit(&hook_##function.real, memory_order_relaxed) != NULL, 1)

#define EXPORTS(function, params, args)                                                            \
    HOOK_EXPORT PASSES int function params                                                         \
    {                                                                                              \
        if (!lock_is_watching() && IS_KNOWN(function))                                             \
            PASS(function, args);                                                                  \
        struct call_site site = CALL_SITE();                                                       \
        return function##_watched GIVE_SITE args;                                                  \
    }

/* What may block passes through a frame that has the caller's registers, and through no
 * look at the books. */
#define EXPORTS_BLOCKING(function, params, args)                                                   \
    WATCHED int function##_blocking params                                                         \
    {                                                                                              \
        int result;                                                                                \
        BLOCKS(result = ((__typeof__(&function))atomic_load_explicit(&hook_##function.real,        \
                                                                     memory_order_relaxed))args);  \
        return result;                                                                             \
    }                                                                                              \
    HOOK_EXPORT PASSES int function params                                                         \
    {                                                                                              \
        if (!lock_is_watching() && IS_KNOWN(function)) {                                           \
            if (!tracker_watching())                                                               \
                PASS(function, args);                                                              \
            PASS_BY_JUMP return function##_blocking args;                                          \
        }                                                                                          \
        struct call_site site = CALL_SITE();                                                       \
        return function##_watched GIVE_SITE args;                                                  \
    }

/* ---- mutexes ---- */

#define TAKES_MUTEX(function, params, args)                                                        \
    LOCKING(function, params, args, mutex_locked(hook, site, (const pthread_mutex_t *)mutex))
#define GIVES_MUTEX_BACK(function, type)                                                           \
    UNLOCKING(function, (type * mutex), (mutex), mutex, mutex_unlocking)

TAKES_MUTEX(pthread_mutex_lock, (pthread_mutex_t * mutex), (mutex))
TAKES_MUTEX(pthread_mutex_trylock, (pthread_mutex_t * mutex), (mutex))
TAKES_MUTEX(pthread_mutex_timedlock,
            (pthread_mutex_t *restrict mutex, const struct timespec *restrict limit),
            (mutex, limit))
TAKES_MUTEX(pthread_mutex_clocklock,
            (pthread_mutex_t *restrict mutex, clockid_t clock,
             const struct timespec *restrict limit),
            (mutex, clock, limit))
TAKES_MUTEX(mtx_lock, (mtx_t * mutex), (mutex))
TAKES_MUTEX(mtx_trylock, (mtx_t * mutex), (mutex))
TAKES_MUTEX(mtx_timedlock, (mtx_t *restrict mutex, const struct timespec *restrict limit),
            (mutex, limit))
GIVES_MUTEX_BACK(pthread_mutex_unlock, pthread_mutex_t)
GIVES_MUTEX_BACK(mtx_unlock, mtx_t)

/* ---- read-write locks ---- */

/* One task may read several times over. */
#define READS(function, params, args)                                                              \
    LOCKING(function, params, args, {                                                              \
        if (!key_again(CTT_KIND_LOCK, reader_of(lock)))                                            \
            locked(hook, site, DETAIL_RWLOCK_READ, reader_of(lock));                               \
    })
#define WRITES(function, params, args)                                                             \
    LOCKING(function, params, args, locked(hook, site, DETAIL_RWLOCK_WRITE, address_of(lock)))

READS(pthread_rwlock_rdlock, (pthread_rwlock_t * lock), (lock))
READS(pthread_rwlock_tryrdlock, (pthread_rwlock_t * lock), (lock))
READS(pthread_rwlock_timedrdlock,
      (pthread_rwlock_t *restrict lock, const struct timespec *restrict limit), (lock, limit))
READS(pthread_rwlock_clockrdlock,
      (pthread_rwlock_t *restrict lock, clockid_t clock, const struct timespec *restrict limit),
      (lock, clock, limit))
WRITES(pthread_rwlock_wrlock, (pthread_rwlock_t * lock), (lock))
WRITES(pthread_rwlock_trywrlock, (pthread_rwlock_t * lock), (lock))
WRITES(pthread_rwlock_timedwrlock,
       (pthread_rwlock_t *restrict lock, const struct timespec *restrict limit), (lock, limit))
WRITES(pthread_rwlock_clockwrlock,
       (pthread_rwlock_t *restrict lock, clockid_t clock, const struct timespec *restrict limit),
       (lock, clock, limit))
UNLOCKING(pthread_rwlock_unlock, (pthread_rwlock_t * lock), (lock), lock, rwlock_unlocking)

/* ---- waits on a condition: the mutex is given back and taken again inside libc ---- */

/* What this thread has when it comes back, also when that is by a cancellation, which
 * does not come back to us. */
static _Thread_local struct {
    struct holding_copy was;
    bool is_waiting;
} condition __attribute__((tls_model("initial-exec")));

static void condition_left(void)
{
    struct holding_copy now;
    condition.is_waiting = false;
    if (!(key_read(CTT_KIND_LOCK, condition.was.handle, &now) && now.task == self.task) &&
        lock_is_held(&condition.was))
        key_enter(&condition.was);
}

void lock_thread_ending(void)
{
    if (condition.is_waiting)
        condition_left();
}

#define WAITS_WITH(function, params, args)                                                         \
    HOOK(function);                                                                                \
    WATCHED int function##_watched AND_SITE params                                                 \
    {                                                                                              \
        __typeof__(&function) real = REAL_ALONE(function);                                         \
        if (!real || !lock_may_record(GUARD_FRAME()))                                              \
            return real ? real args : 0;                                                           \
        condition.is_waiting = key_read(CTT_KIND_LOCK, address_of(mutex), &condition.was) &&       \
                               condition.was.task == self.task;                                    \
        int result;                                                                                \
        BLOCKS(result = real args);                                                                \
        if (condition.is_waiting)                                                                  \
            condition_left();                                                                      \
        return result;                                                                             \
    }                                                                                              \
    EXPORTS_BLOCKING(function, params, args)

WAITS_WITH(pthread_cond_wait, (pthread_cond_t *restrict changed, pthread_mutex_t *restrict mutex),
           (changed, mutex))
WAITS_WITH(pthread_cond_timedwait,
           (pthread_cond_t *restrict changed, pthread_mutex_t *restrict mutex,
            const struct timespec *restrict limit),
           (changed, mutex, limit))
WAITS_WITH(pthread_cond_clockwait,
           (pthread_cond_t *restrict changed, pthread_mutex_t *restrict mutex, clockid_t clock,
            const struct timespec *restrict limit),
           (changed, mutex, clock, limit))
WAITS_WITH(cnd_wait, (cnd_t * changed, mtx_t *mutex), (changed, mutex))
WAITS_WITH(cnd_timedwait,
           (cnd_t *restrict changed, mtx_t *restrict mutex, const struct timespec *restrict limit),
           (changed, mutex, limit))
