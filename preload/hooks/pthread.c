/* SPDX-License-Identifier: MIT */
/*
 * POSIX threads and C11 threads: the hooks. What a program sees of its threads
 * (result, cancellation, signal mask, stack, scheduling) is not touched: the
 * new thread runs one frame of ours and then the program's function.
 */
#include <errno.h>
#include <pthread.h>
#include <threads.h>

#include "preload/hooks/thread.h"

/* ---- starting ---- */

static void *pthread_main(void *block)
{
    struct thread_start *start = block;
    void *(*run)(void *) = start->run.pthread;
    void *argument = start->argument;
    thread_begun(start);
    void *result = run(argument);
    thread_returning();
    return result;
}

HOOK(pthread_create);
HOOK_EXPORT int pthread_create(pthread_t *restrict ret_thread,
                               const pthread_attr_t *restrict attributes, void *(*run)(void *),
                               void *restrict argument)
{
    struct thread_start *start = NULL;
    if (guard_may_record(GUARD_FRAME())) {
        struct call_site site = CALL_SITE();
        start = thread_prepare(&hook_pthread_create, &site, attributes);
    }
    if (!start)
        return REAL(pthread_create)(ret_thread, attributes, run, argument);
    start->run.pthread = run;
    start->argument = argument;
    int error = REAL(pthread_create)(ret_thread, attributes, pthread_main, start);
    thread_created(start, error, ret_thread);
    return error;
}

static int thrd_main(void *block)
{
    struct thread_start *start = block;
    int (*run)(void *) = start->run.thrd;
    void *argument = start->argument;
    thread_begun(start);
    int result = run(argument);
    thread_returning();
    return result;
}

/* C11 names one reason; of the others none is told. */
static int thrd_errno(int error)
{
    return error == thrd_success ? 0 : error == thrd_nomem ? ENOMEM : -1;
}

HOOK(thrd_create);
HOOK_EXPORT int thrd_create(thrd_t *ret_thread, thrd_start_t run, void *argument)
{
    struct thread_start *start = NULL;
    if (guard_may_record(GUARD_FRAME())) {
        struct call_site site = CALL_SITE();
        start = thread_prepare(&hook_thrd_create, &site, NULL);
    }
    if (!start)
        return REAL(thrd_create)(ret_thread, run, argument);
    start->run.thrd = run;
    start->argument = argument;
    int error = REAL(thrd_create)(ret_thread, thrd_main, start);
    thread_created(start, thrd_errno(error), ret_thread);
    return error;
}

/* ---- collecting ---- */

#define JOINS(function, params, args)                                                              \
    HOOK(function);                                                                                \
    HOOK_EXPORT int function params                                                                \
    {                                                                                              \
        if (!guard_may_record(GUARD_FRAME()))                                                      \
            return REAL(function) args;                                                            \
        struct call_site site = CALL_SITE();                                                       \
        struct thread_release release;                                                             \
        thread_joining(&release, &hook_##function, &site, thread);                                 \
        int error;                                                                                 \
        BLOCKS(error = REAL(function) args);                                                       \
        thread_joined(&release, &hook_##function, &site, error);                                   \
        return error;                                                                              \
    }

JOINS(pthread_join, (pthread_t thread, void **ret_value), (thread, ret_value))
JOINS(pthread_tryjoin_np, (pthread_t thread, void **ret_value), (thread, ret_value))
JOINS(pthread_timedjoin_np, (pthread_t thread, void **ret_value, const struct timespec *until),
      (thread, ret_value, until))
JOINS(pthread_clockjoin_np,
      (pthread_t thread, void **ret_value, clockid_t clock, const struct timespec *until),
      (thread, ret_value, clock, until))
JOINS(thrd_join, (thrd_t thread, int *ret_value), (thread, ret_value))

/* The state changes of a detach and of a cancellation are of one shape. */
#define SENDS(function, type, before, after)                                                       \
    HOOK(function);                                                                                \
    HOOK_EXPORT int function(type thread)                                                          \
    {                                                                                              \
        if (!guard_may_record(GUARD_FRAME()))                                                      \
            return REAL(function)(thread);                                                         \
        struct call_site site = CALL_SITE();                                                       \
        struct thread_release release;                                                             \
        before(&release, &hook_##function, &site, thread);                                         \
        int error = REAL(function)(thread);                                                        \
        after(&release, error);                                                                    \
        return error;                                                                              \
    }

SENDS(pthread_detach, pthread_t, thread_detaching, thread_detached)
SENDS(thrd_detach, thrd_t, thread_detaching, thread_detached)
/* Sent is not cancelled: the context ends when the thread really unwinds. */
SENDS(pthread_cancel, pthread_t, thread_cancelling, thread_cancelled)

/* ---- ending early; in main the process goes on ---- */

HOOK(pthread_exit);
HOOK_EXPORT __attribute__((noreturn)) void pthread_exit(void *result)
{
    if (guard_may_record(GUARD_FRAME()))
        thread_quitting();
    REAL(pthread_exit)(result);
    __builtin_unreachable();
}

HOOK(thrd_exit);
HOOK_EXPORT __attribute__((noreturn)) void thrd_exit(int result)
{
    if (guard_may_record(GUARD_FRAME()))
        thread_quitting();
    REAL(thrd_exit)(result);
    __builtin_unreachable();
}
