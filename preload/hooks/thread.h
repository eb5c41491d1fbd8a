/* SPDX-License-Identifier: MIT */
/*
 * A thread's way through the books: made, entered, ended, collected. thread.c
 * has the functions; pthread.c and thrd.c the hooks of the two interfaces,
 * which libc does not route through each other where we could see it.
 */
#ifndef HOOKS_THREAD_H
#define HOOKS_THREAD_H

#include <pthread.h>

#include "preload/facts/thread_stacks.h"
#include "preload/ground/freelist.h"
#include "preload/hooks/family.h"

/*
 * What the creator hands to the new thread (hazards.md D7).
 *
 * The block comes from a free list in our arena. Creator and thread each hold
 * one side: the creator until it has seen the real call return, the thread
 * until it has copied what it needs. Whoever lets go last gives the block back,
 * so neither waits for the other's life.
 */
struct thread_start {
    struct free_node free; /* first: the free list's view of the block */
    union {
        void *(*pthread)(void *);
        int (*thrd)(void *);
    } run;
    void *argument;
    uint32_t task;
    _Atomic uint32_t sides;    /* who still holds the block */
    _Atomic uint32_t entry;    /* enum entry in thread.c */
    struct thread_stack stack; /* as wanted */
    struct holding_copy holding;
} __attribute__((aligned(16)));

/* In the creator, before the real call. NULL: the thread starts unwatched, and
 * becomes a task when a hook first meets it. */
struct thread_start *thread_prepare(struct hook *hook, const struct call_site *site,
                                    const pthread_attr_t *attributes);
/* In the creator, after it. `error` 0: `*thread` runs, and may have ended. */
void thread_created(struct thread_start *start, int error, const pthread_t *thread);
/* In the new thread, first of all. */
void thread_begun(struct thread_start *start);
/* In the thread, when it ends by a way that is no cancellation. */
void thread_returning(void);
void thread_quitting(void);

/* Around a join, and around a detach. */
struct thread_release {
    pthread_t thread;
    uint32_t task;
    bool had;
    struct holding_copy was;
};
void thread_joining(struct thread_release *release, struct hook *hook, const struct call_site *site,
                    pthread_t thread);
void thread_joined(struct thread_release *release, struct hook *hook, const struct call_site *site,
                   int error);
void thread_detaching(struct thread_release *release, struct hook *hook,
                      const struct call_site *site, pthread_t thread);
void thread_detached(struct thread_release *release, int error);

/* A cancellation is about to be sent, and was (0) or was not. */
void thread_cancelling(struct thread_release *release, struct hook *hook,
                       const struct call_site *site, pthread_t thread);
void thread_cancelled(struct thread_release *release, int error);

#endif
