/* SPDX-License-Identifier: MIT */
/*
 * What a mutex or a read-write lock says of itself, by glibc's own fields of it.
 *
 * The books know where a lock was taken; whether it still is, it knows best: a wait on
 * a condition gives it back and takes it again inside libc, and its memory may be gone.
 * Wherever something is said of a lock it is asked first.
 */
#ifndef FACTS_LOCK_H
#define FACTS_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "preload/facts/holding.h"

/* Locks that may not be judged: robust mutexes, which outlive their owners on purpose,
 * those with a ceiling, and those that the processor may elide, which look free while
 * they are held. */
bool lock_is_followed(const pthread_mutex_t *mutex);
bool lock_is_free(const pthread_mutex_t *mutex);
bool lock_is_recursive(const pthread_mutex_t *mutex);
/* The tid that has it; 0: nobody, or not known. */
uint32_t lock_owner(const pthread_mutex_t *mutex);

bool rwlock_is_free(const pthread_rwlock_t *lock);

/* A reader's holding has its task above the address, for there may be many. */
#define LOCK_ADDRESS_BITS    47
#define LOCK_ADDRESS(handle) ((handle) & ((UINT64_C(1) << LOCK_ADDRESS_BITS) - 1))

/* Whether a lock is still held as `holding` says, by the thread `holding->owner` (its tid);
 * of a reader's, whether anybody reads it. For any thread at any time: what it lies in may have
 * been unmapped. */
bool lock_is_held(const struct holding_copy *holding);

#endif
