/* SPDX-License-Identifier: MIT */
#include "preload/facts/lock.h"

#include <stddef.h>

#include "preload/ground/sys.h"

/* glibc, nptl/pthreadP.h: of a mutex's kind. */
#define KIND_TYPE      3 /* 0 and 3 are plain, 1 recursive, 2 checks */
#define KIND_ROBUST    16
#define KIND_PROTECTED 64 /* a free one has its ceiling for a lock word */
#define KIND_ELIDED    256
#define TYPE_PLAIN     0
#define TYPE_ADAPTS    3
#define TYPE_NESTS     1
/* The same, nptl/pthread_rwlock_common.c: below are the phase's flags. */
#define READER_SHIFT 3
#define READERS_MAX  (1u << 20)

/* The fields may be changing under us: each is read once. */
#define FIELD(object, field)                                                                       \
    (*(const volatile __typeof__((object)->__data.field) *)&(object)->__data.field)

bool lock_is_followed(const pthread_mutex_t *mutex)
{
    return !(FIELD(mutex, __kind) & (KIND_ROBUST | KIND_PROTECTED | KIND_ELIDED));
}

bool lock_is_recursive(const pthread_mutex_t *mutex)
{
    return (FIELD(mutex, __kind) & KIND_TYPE) == TYPE_NESTS;
}

bool lock_is_free(const pthread_mutex_t *mutex)
{
    return FIELD(mutex, __lock) == 0;
}

uint32_t lock_owner(const pthread_mutex_t *mutex)
{
    return lock_is_free(mutex) ? 0 : (uint32_t)FIELD(mutex, __owner);
}

static uint32_t readers_of(const pthread_rwlock_t *lock)
{
    return FIELD(lock, __readers) >> READER_SHIFT;
}

/* Who reads it does not say; whether it looks like a lock that is read. */
static bool is_read(const pthread_rwlock_t *lock)
{
    return readers_of(lock) - 1 < READERS_MAX && FIELD(lock, __cur_writer) == 0 &&
           FIELD(lock, __shared) <= 1 && FIELD(lock, __flags) <= PTHREAD_RWLOCK_DEFAULT_NP + 2;
}

bool rwlock_is_free(const pthread_rwlock_t *lock)
{
    return readers_of(lock) == 0 && FIELD(lock, __cur_writer) == 0;
}

bool lock_is_held(const struct holding_copy *holding)
{
    const void *at = (const void *)(uintptr_t)LOCK_ADDRESS(holding->handle);
    pthread_mutex_t mutex;
    pthread_rwlock_t rwlock;
    switch ((enum holding_detail)holding->detail) {
    case DETAIL_MUTEX:
        return sys_peek(at, &mutex, sizeof mutex) && lock_owner(&mutex) == holding->owner;
    case DETAIL_RWLOCK_WRITE:
        return sys_peek(at, &rwlock, sizeof rwlock) &&
               (uint64_t)rwlock.__data.__cur_writer == holding->owner;
    case DETAIL_RWLOCK_READ:
        return sys_peek(at, &rwlock, sizeof rwlock) && is_read(&rwlock);
    default:
        return false;
    }
}
