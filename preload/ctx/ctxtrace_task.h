/* SPDX-License-Identifier: MIT */
/*
 * ctxtrace_task.h: Go's go statement, sync.WaitGroup and errgroup for C programs, and tasks that
 * are no threads. Part of ctxtrace.h, which includes it; its rules hold here, too.
 *
 *     ctx_waitgroup_t workers = CTX_WG_INIT;
 *     for (i = 0; i < 8; i++)
 *         if (ctx_go(request, &workers, "worker", work, &parts[i]) != 0)
 *             break; // the request has ended, or there are no more threads
 *     if (ctx_wg_wait(&workers, request) != 0)
 *         return errno; // it ended first: they are on their way out
 *
 * Rules, beside those of ctxtrace.h
 *   ownership  A task, and a thread of ctx_go, owns one of its context until it is over. Texts are
 *              copied; an argument only by ctx_go_copy. A task is given back by ctx_task_end, a
 *              group by ctx_eg_free. A WaitGroup is the program's own memory, and holds none: it
 *              stays where it is, uncopied, from the first add until the last wait has returned;
 *              it may be gone as soon as that has, and while the last ctx_wg_done is returning.
 *   NULL       as a WaitGroup or a group: nothing, there is nothing to wait for. As a task:
 *              nothing to end; ctx_task_enter makes nothing else active then, and counts it.
 *              As a name: that of the calling function.
 *   ended      A task used after its end is noticed (but for one chance in 255 once its place
 *              has been taken again) and counted, and nothing is done.
 *   errors     Pointers: NULL and ENOMEM. ints: 0, or -1 and errno, but for ctx_eg_wait. Misuse
 *              is counted (ctx_counted), told to the tracker, and survived: a count never goes
 *              below 0. ctx_abort_on_misuse, or CTXTRACE_ABORT_ON_MISUSE=1 in the environment,
 *              makes the process abort as Go's panics.
 *   units      Delays are nanoseconds.
 *   threads    Any function from any thread; a token belongs to the thread that entered. What
 *              was done before ctx_wg_done is seen after ctx_wg_wait, as with a mutex.
 *   signals    None may be called in a signal handler.
 *   fork       The child has no thread but the one that forked: what others were to do is never
 *              done there, so a WaitGroup that counts them keeps its count, and only a wait whose
 *              context ends returns. The child makes it anew (CTX_WG_INIT) to use it again. Of a
 *              group it may only call ctx_eg_context. Tasks are in both, each its own.
 *   pthread_cancel  None of these waits is a cancellation point.
 *   plugins    One that was linked with libctx.a stays loaded from its first thread on.
 *
 * Differences from Go
 *   Go                                     here
 *   go f()                                 ctx_go: a detached thread; fails where the context has
 *                                          ended, and without threads or memory
 *   WaitGroup.Add, Done, Wait, Go          ctx_wg_add, ctx_wg_done, ctx_wg_wait, ctx_go
 *   Wait waits for ever                    and until a context ends: -1, and what is left is told
 *   a negative count, an Add while others  counted, told, and survived; abort by option. An Add
 *   wait for 0, a reuse before they have   from 0 while a wait has not returned is noticed for
 *   returned: panics (some of them)        certain. A count of more than 2^31-1 is a negative one
 *   a WaitGroup must not be copied (vet)   nobody notices
 *   (no such)                              ctx_wg_destroy: that nobody needs it any more
 *   runtime.Goexit in the function         pthread_exit, and pthread_cancel: done as well
 *   a panic in the function                a C++ exception that leaves it ends the process
 *   errgroup.WithContext(parent)           ctx_eg_new, ctx_eg_context; ctx_eg_free
 *   the zero errgroup.Group                ctx_eg_new(ctx_background()): ends at its first error
 *   Group.Go runs whatever has ended       ctx_eg_go: -1 and ECANCELED, the function is not run
 *   an error value                         the int that the function returned, if it is not 0: its
 *                                          context's cause, and what ctx_eg_wait returns
 *   SetLimit while functions run panics    ctx_eg_limit: -1 and EBUSY
 *   Wait by many, and again                so here; a group takes no functions after it
 */
#ifndef CTXTRACE_TASK_H
#define CTXTRACE_TASK_H

#include "ctxtrace.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* ---- tasks ---- */

typedef struct ctxtrace_task ctxtrace_task_t; /* opaque: not even the address means anything */

/* A piece of work in `context` that is no thread: a coroutine, a request, what a pool queues. */
ctxtrace_task_t *ctxtrace_task_begin_at(const struct ctxtrace_site *site, ctxtrace_t *context,
                                        const char *name) CTXTRACE_MUST_USE;
#define ctxtrace_task_begin(context, name) ctxtrace_task_begin_at(CTXTRACE_SITE, context, name)
/* On any thread, also while it is entered. */
void ctxtrace_task_end(ctxtrace_task_t *task);

/* What an enter returns and its leave takes. */
typedef struct ctxtrace_task_token {
    ctxtrace_token_t active;
    ctxtrace_t *context; /* owned; NULL: left */
} ctxtrace_task_token_t;

/* The calling thread is at work on it until the leave, and its context is the active one. Nests
 * with others and with ctx_push; what is left out of order is as with ctx_pop. */
ctxtrace_task_token_t ctxtrace_task_enter(ctxtrace_task_t *task) CTXTRACE_MUST_USE;
void ctxtrace_task_leave(ctxtrace_task_token_t *token);
/* For reports: it waits for `why` ("lock", "reply"), and for this object (NULL: none). `why`
 * NULL: it goes on. `task` NULL: what the calling thread is at work on. */
void ctxtrace_task_blocked(ctxtrace_task_t *task, const char *why, const void *object);

/* How long tasks of one name waited from ctx_go until the thread was at work, or from
 * ctx_task_begin to the first ctx_task_enter. p50 and p99 are upper limits, to a factor of 2. */
struct ctxtrace_task_delay {
    const char *name; /* for ever */
    uint64_t waiting; /* now */
    uint64_t count;   /* of those that came to work */
    uint64_t p50_ns, p99_ns, max_ns;
};
/* 1: and that of the index-th name, from 0; 0: there are not so many. The first 64 names have
 * one; tasks of others are counted (CTXTRACE_COUNT_TASK_NAMES_DROPPED). */
int ctxtrace_task_delays_sized(unsigned index, struct ctxtrace_task_delay *ret_delay, size_t size);
#define ctxtrace_task_delays(index, ret_delay)                                                     \
    ctxtrace_task_delays_sized(index, ret_delay, sizeof(struct ctxtrace_task_delay))

/* ---- WaitGroups ---- */

/* All zeroes, as CTX_WG_INIT makes it and calloc, is one with nothing to wait for. Its members
 * are libctx's own. */
typedef struct ctxtrace_waitgroup {
    uint64_t state __attribute__((__aligned__(8)));
    uint32_t waiting;
    uint32_t reserved;
} ctxtrace_waitgroup_t;
#define CTXTRACE_WG_INIT                                                                           \
    {                                                                                              \
        0, 0, 0                                                                                    \
    }

/* So many more are to be done; before what does them begins. */
void ctxtrace_wg_add(ctxtrace_waitgroup_t *group, int count);
void ctxtrace_wg_done(ctxtrace_waitgroup_t *group);
/* 0: all is done (also when the context has ended). -1 and ECANCELED or ETIMEDOUT: the context
 * ended first, which is told with what was left. */
int ctxtrace_wg_wait(ctxtrace_waitgroup_t *group, ctxtrace_t *context) CTXTRACE_MUST_USE;
/* Only looks whether it is over: with something not done, or waited for, that is misuse. */
void ctxtrace_wg_destroy(ctxtrace_waitgroup_t *group);
/* What is not done yet. */
int ctxtrace_wg_count(const ctxtrace_waitgroup_t *group);

/* ---- threads ---- */

/* fn(arg) on a detached thread, with the context active, and counted by the WaitGroup (NULL:
 * none): added before this returns, done when fn has returned or the thread ends otherwise.
 * -1, with the count as before: ECANCELED or ETIMEDOUT where the context has ended, EAGAIN,
 * ENOMEM, EINVAL. The thread has the caller's signal mask, and the default attributes. */
int ctxtrace_go_at(const struct ctxtrace_site *site, ctxtrace_t *context,
                   ctxtrace_waitgroup_t *group, const char *name, void (*fn)(void *arg),
                   void *arg) CTXTRACE_MUST_USE;
/* fn gets a copy of what `arg` points to, aligned as by malloc, which is gone after it. */
int ctxtrace_go_copy_at(const struct ctxtrace_site *site, ctxtrace_t *context,
                        ctxtrace_waitgroup_t *group, const char *name, void (*fn)(void *arg),
                        const void *arg, size_t size) CTXTRACE_MUST_USE;
#define ctxtrace_go(context, group, name, fn, arg)                                                 \
    ctxtrace_go_at(CTXTRACE_SITE, context, group, name, fn, arg)
#define ctxtrace_go_copy(context, group, name, fn, arg, size)                                      \
    ctxtrace_go_copy_at(CTXTRACE_SITE, context, group, name, fn, arg, size)

/* ---- groups whose first error ends all (errgroup) ---- */

typedef struct ctxtrace_group ctxtrace_group_t; /* opaque */

/* Has a context of its own, a child of `parent`. */
ctxtrace_group_t *ctxtrace_eg_new_at(const struct ctxtrace_site *site,
                                     ctxtrace_t *parent) CTXTRACE_MUST_USE;
#define ctxtrace_eg_new(parent) ctxtrace_eg_new_at(CTXTRACE_SITE, parent)
/* Borrowed. It ends with the first error, whose code is its cause, or when a wait returns. */
ctxtrace_t *ctxtrace_eg_context(ctxtrace_group_t *group);
/* fn(arg) as by ctx_go; what it returns is its error, 0: none. Where there is a limit, it waits
 * until there is room: -1 and ECANCELED or ETIMEDOUT if the context ends before. */
int ctxtrace_eg_go_at(const struct ctxtrace_site *site, ctxtrace_group_t *group, const char *name,
                      int (*fn)(void *arg), void *arg) CTXTRACE_MUST_USE;
/* Does not wait for room: -1 and EBUSY. */
int ctxtrace_eg_try_go_at(const struct ctxtrace_site *site, ctxtrace_group_t *group,
                          const char *name, int (*fn)(void *arg), void *arg) CTXTRACE_MUST_USE;
#define ctxtrace_eg_go(group, name, fn, arg) ctxtrace_eg_go_at(CTXTRACE_SITE, group, name, fn, arg)
#define ctxtrace_eg_try_go(group, name, fn, arg)                                                   \
    ctxtrace_eg_try_go_at(CTXTRACE_SITE, group, name, fn, arg)
/* So many at once; below 0: any number, as it begins. -1 and EBUSY while any runs. */
int ctxtrace_eg_limit(ctxtrace_group_t *group, int limit) CTXTRACE_MUST_USE;
/* Until all are done, whether or not the context has ended, which it has then. The first error;
 * 0: there was none. */
int ctxtrace_eg_wait(ctxtrace_group_t *group) CTXTRACE_MUST_USE;
/* Ends its context. With functions that still run it is misuse, and gone with the last. */
void ctxtrace_eg_free(ctxtrace_group_t *group);

/* ---- misuse ---- */

/* Whether misuse of WaitGroups aborts, as a panic does. Until it is called the environment
 * decides. */
void ctxtrace_abort_on_misuse(int is_wanted);

#pragma GCC visibility pop

#ifndef CTXTRACE_NO_SHORT_NAMES
#define ctx_task_t          ctxtrace_task_t
#define ctx_task_token_t    ctxtrace_task_token_t
#define ctx_task_delay_t    struct ctxtrace_task_delay
#define ctx_waitgroup_t     ctxtrace_waitgroup_t
#define ctx_group_t         ctxtrace_group_t
#define ctx_task_begin      ctxtrace_task_begin
#define ctx_task_end        ctxtrace_task_end
#define ctx_task_enter      ctxtrace_task_enter
#define ctx_task_leave      ctxtrace_task_leave
#define ctx_task_blocked    ctxtrace_task_blocked
#define ctx_task_delays     ctxtrace_task_delays
#define ctx_wg_add          ctxtrace_wg_add
#define ctx_wg_done         ctxtrace_wg_done
#define ctx_wg_wait         ctxtrace_wg_wait
#define ctx_wg_destroy      ctxtrace_wg_destroy
#define ctx_wg_count        ctxtrace_wg_count
#define ctx_go              ctxtrace_go
#define ctx_go_copy         ctxtrace_go_copy
#define ctx_eg_new          ctxtrace_eg_new
#define ctx_eg_context      ctxtrace_eg_context
#define ctx_eg_go           ctxtrace_eg_go
#define ctx_eg_try_go       ctxtrace_eg_try_go
#define ctx_eg_limit        ctxtrace_eg_limit
#define ctx_eg_wait         ctxtrace_eg_wait
#define ctx_eg_free         ctxtrace_eg_free
#define ctx_abort_on_misuse ctxtrace_abort_on_misuse
#define CTX_WG_INIT         CTXTRACE_WG_INIT
#endif

#ifdef __cplusplus
}
#endif

#endif
