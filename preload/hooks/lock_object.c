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

/* Told once: not as held, too. */
static void destroyed(struct hook *hook, const struct call_site *site, const void *lock)
{
    struct holding_copy was;
    bool had = key_take(CTT_KIND_LOCK, (uint64_t)(uintptr_t)lock, &was);
    lock_misused(hook, site, CTT_MISHAP_DESTROYED_LOCKED, lock, had ? &was : NULL);
}

static void check_mutex(struct hook *hook, const struct call_site *site,
                        const pthread_mutex_t *mutex)
{
    if (lock_is_followed(mutex) && !lock_is_free(mutex))
        destroyed(hook, site, mutex);
}

static void check_rwlock(struct hook *hook, const struct call_site *site,
                         const pthread_rwlock_t *lock)
{
    if (!rwlock_is_free(lock))
        destroyed(hook, site, lock);
}

#define MAKES(detail, function, params, args, object)                                              \
    HOOK(function);                                                                                \
    MAKES_BODY(detail, function, params, args, object)
#define UNMAKES(function, type, checked)                                                           \
    HOOK(function);                                                                                \
    UNMAKES_BODY(function, (type * object), (object), object, checked)

MAKES(DETAIL_MUTEX, pthread_mutex_init,
      (pthread_mutex_t * mutex, const pthread_mutexattr_t *attributes), (mutex, attributes), mutex)
MAKES(DETAIL_MUTEX, mtx_init, (mtx_t * mutex, int type), (mutex, type), mutex)
UNMAKES(pthread_mutex_destroy, pthread_mutex_t, check_mutex(hook, &site, object))

MAKES(DETAIL_RWLOCK, pthread_rwlock_init,
      (pthread_rwlock_t *restrict lock, const pthread_rwlockattr_t *restrict attributes),
      (lock, attributes), lock)
UNMAKES(pthread_rwlock_destroy, pthread_rwlock_t, check_rwlock(hook, &site, object))

MAKES(DETAIL_CONDITION, pthread_cond_init,
      (pthread_cond_t *restrict condition, const pthread_condattr_t *restrict attributes),
      (condition, attributes), condition)
MAKES(DETAIL_CONDITION, cnd_init, (cnd_t * condition), (condition), condition)
UNMAKES(pthread_cond_destroy, pthread_cond_t, (void)hook)

MAKES(DETAIL_BARRIER, pthread_barrier_init,
      (pthread_barrier_t *restrict barrier, const pthread_barrierattr_t *restrict attributes,
       unsigned count),
      (barrier, attributes, count), barrier)
UNMAKES(pthread_barrier_destroy, pthread_barrier_t, (void)hook)

MAKES(DETAIL_UNNAMED_SEMAPHORE, sem_init, (sem_t * semaphore, int shared, unsigned value),
      (semaphore, shared, value), semaphore)
UNMAKES(sem_destroy, sem_t, (void)hook)

/* C11's do not say whether they have. */
#define UNMAKES_SURELY(function, type, checked)                                                    \
    HOOK(function);                                                                                \
    HOOK_EXPORT void function(type *object)                                                        \
    {                                                                                              \
        struct holding_copy was;                                                                   \
        if (lock_is_watching() && guard_may_record(GUARD_FRAME())) {                               \
            struct call_site site = CALL_SITE();                                                   \
            struct hook *hook = &hook_##function;                                                  \
            checked;                                                                               \
            if (key_take(CTT_KIND_HANDLE, (uint64_t)(uintptr_t)object, &was))                      \
                handle_taken(hook, &site, &was);                                                   \
        }                                                                                          \
        REAL_ALONE(function)(object);                                                              \
    }

UNMAKES_SURELY(mtx_destroy, mtx_t, check_mutex(hook, &site, (const pthread_mutex_t *)object))
UNMAKES_SURELY(cnd_destroy, cnd_t, (void)hook)
