/* SPDX-License-Identifier: MIT */
/* Locks that a thread leaves behind, and what must not be done with them. Options: locks=1. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>
#include <unistd.h>

#ifdef FIXED
enum { RIGHT = 1 };
#else
enum { RIGHT = 0 };
#endif

static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t nested, robust;
static pthread_rwlock_t book = PTHREAD_RWLOCK_INITIALIZER, read_only = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static mtx_t modern;

#define PLACE __attribute__((noinline)) static void

PLACE leave_mutex(void)
{
    pthread_mutex_lock(&first);
    if (RIGHT)
        pthread_mutex_unlock(&first);
}

PLACE leave_nested(void)
{
    pthread_mutex_lock(&nested);
    pthread_mutex_lock(&nested);
    pthread_mutex_unlock(&nested);
    if (RIGHT)
        pthread_mutex_unlock(&nested);
}

PLACE leave_written(void)
{
    pthread_rwlock_wrlock(&book);
    if (RIGHT)
        pthread_rwlock_unlock(&book);
}

PLACE leave_read(void)
{
    pthread_rwlock_rdlock(&read_only);
    pthread_rwlock_rdlock(&read_only);
    pthread_rwlock_unlock(&read_only);
    if (RIGHT)
        pthread_rwlock_unlock(&read_only);
}

PLACE leave_modern(void)
{
    mtx_lock(&modern);
    if (RIGHT)
        mtx_unlock(&modern);
}

static void *leave(void *unused)
{
    leave_mutex();
    leave_nested();
    leave_written();
    leave_read();
    leave_modern();
    pthread_mutex_lock(&robust); /* made to outlive its owner */
    return unused;
}

/* Cancelled in the wait, it has the mutex again, and nobody to give it back. */
static void unlock(void *mutex)
{
    if (RIGHT)
        pthread_mutex_unlock(mutex);
}

static void *wait_for_ever(void *ready)
{
    pthread_mutex_lock(&second);
    pthread_cleanup_push(unlock, &second);
    *(volatile int *)ready = 1;
    for (;;)
        pthread_cond_wait(&changed, &second);
    pthread_cleanup_pop(0);
    return NULL;
}

PLACE misuse(void)
{
    pthread_mutex_t *block = malloc(sizeof(*block));
    pthread_mutex_t once, checked;
    pthread_mutexattr_t attributes;

    pthread_mutex_init(block, NULL);
    pthread_mutex_lock(block);
    if (RIGHT) {
        pthread_mutex_unlock(block);
        pthread_mutex_destroy(block);
    }
    free(block);
    pthread_mutex_init(&once, NULL);
    pthread_mutex_lock(&once);
    if (RIGHT)
        pthread_mutex_unlock(&once);
    pthread_mutex_destroy(&once);
    if (!RIGHT)
        pthread_mutex_unlock(&once);
    if (!RIGHT)
        pthread_mutex_unlock(&once);
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&checked, &attributes);
    pthread_mutex_lock(&checked);
    if (pthread_mutex_trylock(&checked) != EBUSY)
        puts("never");
    pthread_mutex_unlock(&checked);
    pthread_mutex_destroy(&checked);
}

static void *unlock_foreign(void *mutex)
{
    if (!RIGHT)
        pthread_mutex_unlock(mutex);
    return NULL;
}

int main(void)
{
    static pthread_mutex_t foreign = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutexattr_t attributes;
    pthread_t thread;
    int ready = 0;

    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&nested, &attributes);
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&robust, &attributes);
    mtx_init(&modern, mtx_plain);
    pthread_create(&thread, NULL, leave, NULL);
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, wait_for_ever, &ready);
    while (!*(volatile int *)&ready)
        usleep(1000);
    pthread_mutex_lock(&second); /* it waits */
    pthread_mutex_unlock(&second);
    pthread_cancel(thread);
    pthread_join(thread, NULL);
    pthread_mutex_lock(&foreign);
    pthread_create(&thread, NULL, unlock_foreign, &foreign);
    pthread_join(thread, NULL);
    if (RIGHT)
        pthread_mutex_unlock(&foreign);
    misuse();
    pthread_mutex_destroy(&nested);
    pthread_mutex_destroy(&robust);
    mtx_destroy(&modern);
    return 0;
}
