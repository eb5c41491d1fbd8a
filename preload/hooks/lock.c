/* SPDX-License-Identifier: MIT */
/*
 * Mutexes and read-write locks that are held (D23), and what must not be done with them
 * (D24): unlocking what is not locked or another's, destroying or freeing what is.
 *
 * A lock is asked itself before anything is said of it (facts/lock.h). What is locked
 * inside libc (a wait on a condition takes its mutex again) is not seen: its holding is
 * the one from before.
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

static void locked(struct hook *hook, const struct call_site *site, enum holding_detail detail,
                   uint64_t handle)
{
    uint32_t stack = family_stack(hook, site);
    struct holding_copy holding = holding_now(CTT_KIND_LOCK, detail, handle, stack);
    holding.owner = self.tid; /* holding_now has met the thread */
    family_tally(stack, CTT_KIND_LOCK);
    key_enter(&holding);
}

static void mutex_locked(struct hook *hook, const struct call_site *site,
                         const pthread_mutex_t *mutex)
{
    if (!lock_is_followed(mutex))
        return;
    if (!lock_is_recursive(mutex) || !key_again(CTT_KIND_LOCK, address_of(mutex)))
        locked(hook, site, DETAIL_MUTEX, address_of(mutex));
}

void lock_misused(struct hook *hook, const struct call_site *site, enum ctt_mishap_id id,
                  const void *lock, const struct holding_copy *was)
{
    mishap_note((struct ctt_mishap){.id = id,
                                    .kind = CTT_KIND_LOCK,
                                    .handle = address_of(lock),
                                    .stack = family_stack(hook, site),
                                    .acquired_stack = was ? was->stack : 0});
}

/* A fork's child gives back what its parent's thread had locked. */
static bool is_anothers(const pthread_mutex_t *mutex, const struct holding_copy *was)
{
    uint32_t owner = lock_owner(mutex);
    return was->task != self.task && owner == was->owner && owner != self.tid;
}

/* Before the real call, after which another may have locked it again. */
static void mutex_unlocking(struct hook *hook, const struct call_site *site,
                            const pthread_mutex_t *mutex)
{
    struct holding_copy was;
    if (!lock_is_followed(mutex))
        return;
    if (lock_is_free(mutex))
        lock_misused(hook, site, CTT_MISHAP_UNLOCKED_FREE, mutex, NULL);
    else if (key_read(CTT_KIND_LOCK, address_of(mutex), &was) && is_anothers(mutex, &was))
        lock_misused(hook, site, CTT_MISHAP_UNLOCKED_FOREIGN, mutex, &was);
    key_take(CTT_KIND_LOCK, address_of(mutex), &was);
}

static void rwlock_unlocking(struct hook *hook, const struct call_site *site,
                             const pthread_rwlock_t *lock)
{
    struct holding_copy was;
    if (rwlock_is_free(lock))
        lock_misused(hook, site, CTT_MISHAP_UNLOCKED_FREE, lock, NULL);
    if (!key_take(CTT_KIND_LOCK, reader_of(lock), &was))
        key_take(CTT_KIND_LOCK, address_of(lock), &was);
}

/* ---- freed with the memory that they lie in ---- */

struct freeing {
    uint64_t begin, end;
    struct holding_copy found;
};

static void is_within(const struct holding_copy *holding, void *arg)
{
    struct freeing *freeing = arg;
    uint64_t at = LOCK_ADDRESS(holding->handle);
    if (holding->kind == CTT_KIND_LOCK && at >= freeing->begin && at < freeing->end &&
        lock_is_held(holding))
        freeing->found = *holding;
}

extern struct hook hook_free, hook_malloc_usable_size; /* memory.c */

void lock_freeing(const struct call_site *site, void *block)
{
    size_t (*size)(void *) = (size_t(*)(void *))hook_real(&hook_malloc_usable_size);
    if (!size)
        return;
    struct freeing freeing = {.begin = address_of(block)};
    freeing.end = freeing.begin + size(block);
    key_scan(is_within, &freeing);
    struct holding_copy was = freeing.found;
    if (!was.live)
        return;
    lock_misused(&hook_free, site, CTT_MISHAP_FREED_LOCKED,
                 (const void *)(uintptr_t)LOCK_ADDRESS(was.handle), &was);
    key_take(CTT_KIND_LOCK, was.handle, &was);
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
        if (!real || !lock_is_watching() || !guard_may_record(GUARD_FRAME()))                      \
            return real ? real args : 0;                                                           \
        int result = real args;                                                                    \
        if (result == 0) {                                                                         \
            struct hook *hook = &hook_##function;                                                  \
            entered;                                                                               \
        }                                                                                          \
        return result;                                                                             \
    }                                                                                              \
    EXPORTS(function, params, args)

#define UNLOCKING(function, params, args, taken)                                                   \
    HOOK(function);                                                                                \
    WATCHED int function##_watched AND_SITE params                                                 \
    {                                                                                              \
        __typeof__(&function) real = REAL_ALONE(function);                                         \
        if (real && lock_is_watching() && guard_may_record(GUARD_FRAME())) {                       \
            struct hook *hook = &hook_##function;                                                  \
            taken;                                                                                 \
        }                                                                                          \
        return real ? real args : 0;                                                               \
    }                                                                                              \
    EXPORTS(function, params, args)

#define EXPORTS(function, params, args)                                                            \
    HOOK_EXPORT PASSES int function params                                                         \
    {                                                                                              \
        if (!lock_is_watching() &&                                                                 \
            __builtin_expect(                                                                      \
                atomic_load_explicit(&hook_##function.real, memory_order_relaxed) != NULL, 1))     \
            PASS(function, args);                                                                  \
        struct call_site site = CALL_SITE();                                                       \
        return function##_watched GIVE_SITE args;                                                  \
    }

/* ---- mutexes ---- */

#define TAKES_MUTEX(function, params, args)                                                        \
    LOCKING(function, params, args, mutex_locked(hook, site, (const pthread_mutex_t *)mutex))
#define GIVES_MUTEX_BACK(function, type)                                                           \
    UNLOCKING(function, (type * mutex), (mutex),                                                   \
              mutex_unlocking(hook, site, (const pthread_mutex_t *)mutex))

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
UNLOCKING(pthread_rwlock_unlock, (pthread_rwlock_t * lock), (lock),
          rwlock_unlocking(hook, site, lock))
