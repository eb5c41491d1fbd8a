/* SPDX-License-Identifier: MIT */
/*
 * What threads meet at, made and unmade (locks=on): mutexes, read-write locks, conditions,
 * barriers, unnamed semaphores. Most hold nothing of the system's, and many are meant to
 * live as long as the process; destroying one that is locked is a mishap (D24).
 */
#include <pthread.h>
#include <semaphore.h>
#include <threads.h>

#include "preload/facts/lock.h"
#include "preload/hooks/lock.h"

/* Told once: not as held, too, where it is gone. */
void lock_destroyed(struct hook *hook, const struct call_site *site, const void *lock, int result)
{
    struct holding_copy was;
    uint64_t address = (uint64_t)(uintptr_t)lock;
    bool had = result == 0 ? key_take(CTT_KIND_LOCK, address, &was)
                           : key_read(CTT_KIND_LOCK, address, &was);
    lock_misused(hook, site, CTT_MISHAP_DESTROYED_LOCKED, lock, result, had ? &was : NULL);
}

void lock_made(const void *lock)
{
    struct holding_copy was;
    key_take(CTT_KIND_LOCK, (uint64_t)(uintptr_t)lock, &was);
}

static bool mutex_is_locked(const void *mutex)
{
    return lock_is_followed(mutex) && !lock_is_free(mutex);
}

static bool rwlock_is_locked(const void *lock)
{
    return !rwlock_is_free(lock);
}

#define MAKES(detail, function, params, args, object)                                              \
    HOOK(function);                                                                                \
    MAKES_BODY(detail, function, params, args, object)
#define UNMAKES(function, type, is_locked)                                                         \
    HOOK(function);                                                                                \
    UNMAKES_BODY(function, (type * object), (object), object, is_locked)

MAKES(DETAIL_MUTEX, pthread_mutex_init,
      (pthread_mutex_t * mutex, const pthread_mutexattr_t *attributes), (mutex, attributes), mutex)
MAKES(DETAIL_MUTEX, mtx_init, (mtx_t * mutex, int type), (mutex, type), mutex)
UNMAKES(pthread_mutex_destroy, pthread_mutex_t, mutex_is_locked(object))

MAKES(DETAIL_RWLOCK, pthread_rwlock_init,
      (pthread_rwlock_t *restrict lock, const pthread_rwlockattr_t *restrict attributes),
      (lock, attributes), lock)
UNMAKES(pthread_rwlock_destroy, pthread_rwlock_t, rwlock_is_locked(object))

MAKES(DETAIL_CONDITION, pthread_cond_init,
      (pthread_cond_t *restrict condition, const pthread_condattr_t *restrict attributes),
      (condition, attributes), condition)
MAKES(DETAIL_CONDITION, cnd_init, (cnd_t * condition), (condition), condition)
UNMAKES(pthread_cond_destroy, pthread_cond_t, false)

MAKES(DETAIL_BARRIER, pthread_barrier_init,
      (pthread_barrier_t *restrict barrier, const pthread_barrierattr_t *restrict attributes,
       unsigned count),
      (barrier, attributes, count), barrier)
UNMAKES(pthread_barrier_destroy, pthread_barrier_t, false)

MAKES(DETAIL_UNNAMED_SEMAPHORE, sem_init, (sem_t * semaphore, int shared, unsigned value),
      (semaphore, shared, value), semaphore)
UNMAKES(sem_destroy, sem_t, false)

/* C11's do not say whether they have. */
#define UNMAKES_SURELY(function, type, is_locked)                                                  \
    HOOK(function);                                                                                \
    HOOK_EXPORT void function(type *object)                                                        \
    {                                                                                              \
        struct holding_copy was;                                                                   \
        if (lock_may_record(GUARD_FRAME())) {                                                      \
            struct call_site site = CALL_SITE();                                                   \
            struct hook *hook = &hook_##function;                                                  \
            if (is_locked)                                                                         \
                lock_destroyed(hook, &site, object, 0);                                            \
            if (key_take(CTT_KIND_HANDLE, (uint64_t)(uintptr_t)object, &was))                      \
                handle_taken(hook, &site, &was);                                                   \
        }                                                                                          \
        REAL_ALONE(function)(object);                                                              \
    }

UNMAKES_SURELY(mtx_destroy, mtx_t, mutex_is_locked(object))
UNMAKES_SURELY(cnd_destroy, cnd_t, false)
