/* SPDX-License-Identifier: MIT */
/*
 * ctxtrace.h: Go's contexts for C programs (C99 with GNU attributes, C++11). Link with -lctx.
 *
 *     CTX_OWNED ctx_t *request = ctx_with_timeout(server, CTX_SECOND, 0, "took too long");
 *     CTX_SCOPE (request) {
 *         while (!ctx_err(request))
 *             serve_some(request);
 *     }
 *
 * A context says for how long work is wanted. Contexts form a tree: one ends when it is
 * cancelled, when its deadline comes, or when its parent ends. Nothing is interrupted: work
 * looks (ctx_err), waits (ctx_wait, ctx_poll, ctx_sleep, ctx_cond_wait), or gets a descriptor
 * to poll (ctx_done_fd). All of it works without the tracker; when libctxtrace.so is loaded,
 * contexts, and what was acquired while one was active, appear in its reports.
 *
 * Names: ELF names are ctxtrace_X, ctx_X are macros. CTXTRACE_NO_SHORT_NAMES leaves them out.
 *
 * Rules for all functions, where they do not say otherwise
 *   ownership  Whoever gets a ctx_t * from ctx_with_X, ctx_from_env or ctx_ref owes one
 *              ctx_release. Children keep their parents. What is passed in is only borrowed,
 *              texts are copied.
 *   NULL       as a context is the background; each such use is counted (ctx_counted).
 *              A key or a function that is NULL: NULL and EINVAL. A token, a captured one, a
 *              place for a deadline, a cause's text: nothing.
 *   released   A context used after its last release is noticed (but for one chance in 255 once
 *              its place has been taken again), counted, and behaves as one that was
 *              cancelled. It is never followed.
 *   errors     Pointers: NULL and ENOMEM, or EINVAL. ints: 0, or -1 and errno. errno is kept on
 *              success.
 *   units      Times are nanoseconds; moments are those of CLOCK_MONOTONIC.
 *   threads    Any function from any thread, but a token belongs to the thread that pushed.
 *   signals    Only these may be called in a signal handler: ctx_current, ctx_id, ctx_background,
 *              ctx_err (of a context without a deadline) and ctx_cancel_from_signal.
 *   fork       The child has the same tree, apart from its parent's from then on. Functions
 *              that were already due stay with the parent (ctx_after_func).
 *   pthread_cancel  Of what waits, only ctx_poll and ctx_cond_wait are cancellation points.
 *              Scopes are left on the way out only in code compiled with -fexceptions.
 *
 * Differences from Go
 *   Go                                     here
 *   WithCancel returns a function          ctx_cancel(context); every context can be cancelled,
 *                                          those made with ctx_with_value and ctx_with_name too
 *   the collector frees a context          ctx_release; the last one of a context that was
 *                                          never ended leaves it abandoned (counted)
 *   Done() is a channel                    ctx_done_fd, ctx_wait; NULL channel: an fd that is
 *                                          never readable
 *   Err: Canceled, DeadlineExceeded        ECANCELED, ETIMEDOUT
 *   Cause is an error value                a code and a text of at most 255 bytes
 *   a timer fires at the deadline          whoever looks or waits notices it. Its cause is
 *                                          first nevertheless: a ctx_cancel that comes after
 *                                          the deadline changes nothing
 *   AfterFunc starts a goroutine           a thread of libctx calls the function, another one
 *                                          when that is busy, up to 64; all signals are blocked
 *   AfterFunc's stop as often as you like  so here; released contexts drop theirs uncalled
 *   values of any comparable key           the key is the address of a static record
 *   no finish                              ctx_finish says how the work went
 *   (no such)                              ctx_push: the thread's active context
 *   a nil Context panics                   NULL is the background, and counted
 *
 * Defer (ctxtrace_defer.h)
 *   Go                                     here
 *   defer f(x)                             ctx_defer(f, x): void f(void *), x as it is now.
 *                                          CTX_CLOSE_FD and its like: the variable by then
 *   runs when the function ends            when the enclosing block does
 *   defer in a loop piles up               runs at the end of each turn
 *   (no such)                              ctx_defer_run: now; ctx_defer_cancel: never
 *   os.Exit, a crash: not run              so; longjmp over it, the end of a thread in code
 *                                          without -fexceptions: not run, and counted
 *   panic(v), recover()                    ctx_fail(code, "why"), CTX_TRY {} CTX_RECOVER() {}
 *   recover in a deferred function         in a block of its own, where the function goes on
 *   a panic that nobody recovers runs      aborts at once, with a line on stderr
 *   what is deferred, then ends
 *   a panic while panicking replaces it    so
 */
#ifndef CTXTRACE_H
#define CTXTRACE_H

#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

typedef struct ctxtrace_context ctxtrace_t; /* opaque: not even the address means anything */

#define CTXTRACE_MUST_USE __attribute__((__warn_unused_result__))
#define CTXTRACE_PRINTF   __attribute__((__format__(__printf__, 3, 4)))

#define CTXTRACE_SECOND  INT64_C(1000000000)
#define CTXTRACE_FOREVER INT64_C(-1)

/* Where a context is made: kept by address, never freed. */
struct ctxtrace_site {
    const char *file;
    const char *function;
    int line;
};

#define CTXTRACE_SITE                                                                              \
    (__extension__({                                                                               \
        static const struct ctxtrace_site ctxtrace_site_here = {__FILE__, __func__, __LINE__};     \
        &ctxtrace_site_here;                                                                       \
    }))

/* ---- making contexts ---- */

/* Never cancelled, for ever; ref and release do nothing. */
ctxtrace_t *ctxtrace_background(void);
/* The same, for where nobody decided yet what the context is. Reported as "todo". */
ctxtrace_t *ctxtrace_todo(void);

ctxtrace_t *ctxtrace_with_cancel_at(const struct ctxtrace_site *site,
                                    ctxtrace_t *parent) CTXTRACE_MUST_USE;
/* Ends with ETIMEDOUT at `deadline_ns`, or when the parent does if that is earlier. `code`
 * (0: ETIMEDOUT) and `cause` (may be NULL) are what ctx_cause tells then. One that is past
 * makes a context that has ended; a timeout of CTX_FOREVER has no deadline of its own. */
ctxtrace_t *ctxtrace_with_deadline_at(const struct ctxtrace_site *site, ctxtrace_t *parent,
                                      uint64_t deadline_ns, int code,
                                      const char *cause) CTXTRACE_MUST_USE;
ctxtrace_t *ctxtrace_with_timeout_at(const struct ctxtrace_site *site, ctxtrace_t *parent,
                                     int64_t ns, int code, const char *cause) CTXTRACE_MUST_USE;

/* A key is a static record; contexts are asked by its address. */
enum ctxtrace_visibility {
    CTXTRACE_SECRET = 0, /* never leaves the process */
    CTXTRACE_REPORT = 1, /* may be shown in reports */
};
struct ctxtrace_key {
    const char *name;
    /* Called once when the context is gone, outside of all locks; may be NULL. */
    void (*destroy)(void *value);
    /* Like snprintf; may be NULL. Called when such a context is made, where a tracker is
     * loaded and the value may be shown in its reports. */
    int (*show)(const void *value, char *buffer, size_t size);
    enum ctxtrace_visibility visibility;
};
/* On success the context owns the value, and key->destroy gives it back. */
ctxtrace_t *ctxtrace_with_value_at(const struct ctxtrace_site *site, ctxtrace_t *parent,
                                   const struct ctxtrace_key *key, void *value) CTXTRACE_MUST_USE;
ctxtrace_t *ctxtrace_with_name_at(const struct ctxtrace_site *site, ctxtrace_t *parent,
                                  const char *name) CTXTRACE_MUST_USE;
/* W3C trace context, as in the HTTP header and in TRACEPARENT. What is not valid is dropped as
 * the standard says, and counted: the context then has its parent's trace, if any. */
ctxtrace_t *ctxtrace_with_trace_at(const struct ctxtrace_site *site, ctxtrace_t *parent,
                                   const char *traceparent) CTXTRACE_MUST_USE;
/* Any id of up to 63 bytes ("req-12345"); `span` may be NULL. */
ctxtrace_t *ctxtrace_with_trace_id_at(const struct ctxtrace_site *site, ctxtrace_t *parent,
                                      const char *trace_id, const char *span) CTXTRACE_MUST_USE;
/* A child of the background with the trace of TRACEPARENT, where that is set. */
ctxtrace_t *ctxtrace_from_env_at(const struct ctxtrace_site *site) CTXTRACE_MUST_USE;
/* Keeps values, name and trace; does not end with its parent. An intended outliving. */
ctxtrace_t *ctxtrace_without_cancel_at(const struct ctxtrace_site *site,
                                       ctxtrace_t *parent) CTXTRACE_MUST_USE;

#define ctxtrace_with_cancel(parent) ctxtrace_with_cancel_at(CTXTRACE_SITE, parent)
#define ctxtrace_with_deadline(parent, deadline_ns, code, cause)                                   \
    ctxtrace_with_deadline_at(CTXTRACE_SITE, parent, deadline_ns, code, cause)
#define ctxtrace_with_timeout(parent, ns, code, cause)                                             \
    ctxtrace_with_timeout_at(CTXTRACE_SITE, parent, ns, code, cause)
#define ctxtrace_with_value(parent, key, value)                                                    \
    ctxtrace_with_value_at(CTXTRACE_SITE, parent, key, value)
#define ctxtrace_with_name(parent, name) ctxtrace_with_name_at(CTXTRACE_SITE, parent, name)
#define ctxtrace_with_trace(parent, traceparent)                                                   \
    ctxtrace_with_trace_at(CTXTRACE_SITE, parent, traceparent)
#define ctxtrace_with_trace_id(parent, trace_id, span)                                             \
    ctxtrace_with_trace_id_at(CTXTRACE_SITE, parent, trace_id, span)
#define ctxtrace_from_env()             ctxtrace_from_env_at(CTXTRACE_SITE)
#define ctxtrace_without_cancel(parent) ctxtrace_without_cancel_at(CTXTRACE_SITE, parent)

/* One more owner; returns its argument. */
ctxtrace_t *ctxtrace_ref(ctxtrace_t *context);
/* One owner less. NULL is none. The last one frees it, and then its parents in turn. */
void ctxtrace_release(ctxtrace_t *context);

/* ---- ending them ---- */

/* Ends the context and all descendants before it returns; waits for no work. The first end
 * wins, later ones change nothing (but return after the first is done). */
void ctxtrace_cancel(ctxtrace_t *context);
/* `code` 0: ECANCELED. The text is cut after 255 bytes, and left out without memory. */
void ctxtrace_cancel_cause(ctxtrace_t *context, int code, const char *format, ...) CTXTRACE_PRINTF;
/* In a signal handler. ctx_err of all descendants tells at once, waiters wake, their done_fds
 * become readable; the rest of the end is made by whoever next calls another function. The
 * caller owns the context, as with all others. */
void ctxtrace_cancel_from_signal(ctxtrace_t *context, int code);

enum ctxtrace_outcome {
    CTXTRACE_END_OK = 3,
    CTXTRACE_END_ERROR = 4,
};
/* A cancel that says how the work went: what is left behind after an error is less grave. */
void ctxtrace_finish(ctxtrace_t *context, enum ctxtrace_outcome outcome);

/* ---- asking them ---- */

/* 0, ECANCELED or ETIMEDOUT. */
int ctxtrace_err(ctxtrace_t *context);
/* The code, 0 while active. The text goes to buffer, always closed by a 0 if size is not 0. */
int ctxtrace_cause(ctxtrace_t *context, char *buffer, size_t size);
/* 1 and the moment, 0 when there is none. */
int ctxtrace_deadline(ctxtrace_t *context, uint64_t *ret_deadline_ns);
/* Of the nearest ancestor with this key (or itself); NULL when there is none. Borrowed. */
void *ctxtrace_value(ctxtrace_t *context, const struct ctxtrace_key *key);
/* The nearest name; NULL when there is none. Borrowed. */
const char *ctxtrace_name(ctxtrace_t *context);
/* Unique in this process; 1 is the background. */
uint64_t ctxtrace_id(ctxtrace_t *context);
/* Borrowed; NULL for the background. */
ctxtrace_t *ctxtrace_parent(ctxtrace_t *context);
/* NULL for the background. */
const struct ctxtrace_site *ctxtrace_made_at(ctxtrace_t *context);
/* "00-<trace>-<span>-<flags>" for an outgoing request: its length, 55. -1: ENOENT without a
 * trace, EINVAL where its ids are free-form, ERANGE where size is not above 55. */
int ctxtrace_traceparent(ctxtrace_t *context, char *buffer, size_t size);
/* The same as "TRACEPARENT=...", for a child's environment. */
int ctxtrace_to_env(ctxtrace_t *context, char *buffer, size_t size);

/* ---- waiting ---- */

/* Readable for ever once the context has ended. Owned by the context: do not read or close it.
 * The same one each time. In a fork child the number stays, and is a new object: one that was
 * in an epoll set is to be added again. -1: EMFILE, ENFILE, ENOMEM. */
int ctxtrace_done_fd(ctxtrace_t *context);
/* 0: ended, -1 and ETIMEDOUT: not within `ns` (below 0: for ever). Signals do not end it. */
int ctxtrace_wait(ctxtrace_t *context, int64_t ns) CTXTRACE_MUST_USE;
/* 0: slept for all of `ns` (CTX_FOREVER: never). -1: ECANCELED or ETIMEDOUT, the context ended. */
int ctxtrace_sleep(ctxtrace_t *context, int64_t ns) CTXTRACE_MUST_USE;
/* poll(2) without a limit of its own. -1 and ECANCELED or ETIMEDOUT when the context ends, also
 * when something is ready by then (revents are filled). It uses the context's done_fd. */
int ctxtrace_poll(ctxtrace_t *context, struct pollfd *fds, nfds_t count) CTXTRACE_MUST_USE;
/* pthread_cond_wait, mutex locked. 0: look at what you wait for. -1 and ECANCELED or ETIMEDOUT
 * when the context has ended; the mutex is locked then, too. The mutex is a plain one. */
int ctxtrace_cond_wait(ctxtrace_t *context, pthread_cond_t *cond,
                       pthread_mutex_t *mutex) CTXTRACE_MUST_USE;

typedef struct ctxtrace_after ctxtrace_after_t; /* opaque */
/* Calls fn(arg) once the context ends (at once when it has), on a thread of libctx. NULL:
 * ENOMEM, EAGAIN. A context that is released for good drops its functions uncalled. */
ctxtrace_after_t *ctxtrace_after_func(ctxtrace_t *context, void (*fn)(void *arg), void *arg);
/* 1: fn will not be called because of this. 0: it was, will be, or had been stopped. May be
 * called at any time, any number of times. */
int ctxtrace_stop(ctxtrace_after_t *handle);

/* ---- which context is active ---- */

/* What a push returns and its pop takes. */
typedef struct ctxtrace_token {
    ctxtrace_t *context, *before;
    uint32_t tracker_before, task_before;
    uint32_t depth; /* 0: popped */
    uint32_t serial, serial_before;
    uint32_t thread;
    int once;
} ctxtrace_token_t;

/* The calling thread's; the background when nothing was pushed. Borrowed. */
ctxtrace_t *ctxtrace_current(void);
/* The caller owns the context until the pop. */
ctxtrace_token_t ctxtrace_push(ctxtrace_t *context) CTXTRACE_MUST_USE;
/* Back to what was before the push. One out of order unwinds to its token, and is counted; one of
 * a push that was unwound before, or on another thread than the push, is only counted. What is
 * pushed when its thread ends is counted, too (but not at the process's end). */
void ctxtrace_pop(ctxtrace_token_t *token);
/* fn(arg) with the context active. */
void ctxtrace_run(ctxtrace_t *context, void (*fn)(void *arg), void *arg);

/* The current context, kept for a callback: restore as often as needed, drop once. */
typedef struct ctxtrace_captured {
    ctxtrace_t *context;
} ctxtrace_captured_t;
ctxtrace_captured_t ctxtrace_capture(void) CTXTRACE_MUST_USE;
ctxtrace_token_t ctxtrace_restore(ctxtrace_captured_t captured) CTXTRACE_MUST_USE;
void ctxtrace_drop(ctxtrace_captured_t *captured);

/* ctx_cancel and ctx_release. */
void ctxtrace_end_owned(ctxtrace_t **context);

#define CTXTRACE_JOIN_(a, b)     a##b
#define CTXTRACE_JOIN(a, b)      CTXTRACE_JOIN_(a, b)
#define CTXTRACE_CLEANUP(finish) __attribute__((__cleanup__(finish), __unused__))

/* Active until the end of the enclosing block. */
#define CTXTRACE_ATTACH_CONTEXT(context)                                                           \
    CTXTRACE_CLEANUP(ctxtrace_pop)                                                                 \
    ctxtrace_token_t CTXTRACE_JOIN(ctxtrace_token_, __LINE__) = ctxtrace_push(context)
/* Active in the block that follows. Out of it by return, break, continue or goto is fine;
 * break and continue leave this block, not a loop around it. */
#define CTXTRACE_SCOPE_(context, token)                                                            \
    for (CTXTRACE_CLEANUP(ctxtrace_pop) ctxtrace_token_t token = ctxtrace_push(context);           \
         token.once; token.once = 0)
#define CTXTRACE_SCOPE(context) CTXTRACE_SCOPE_(context, CTXTRACE_JOIN(ctxtrace_token_, __LINE__))
/* `CTX_OWNED ctx_t *c = ...`: cancelled and released at the end of the block. */
#define CTXTRACE_OWNED CTXTRACE_CLEANUP(ctxtrace_end_owned)

/* ---- what went wrong ---- */

enum ctxtrace_count {
    CTXTRACE_COUNT_NULL,                  /* NULL was given for a context */
    CTXTRACE_COUNT_RELEASED,              /* one used after its last release */
    CTXTRACE_COUNT_OUT_OF_ORDER,          /* pops */
    CTXTRACE_COUNT_ABANDONED,             /* made to be ended, released without */
    CTXTRACE_COUNT_BACKGROUND_ENDED,      /* cancel or finish of what never ends */
    CTXTRACE_COUNT_TRACES_DROPPED,        /* not valid */
    CTXTRACE_COUNT_CAUSES_DROPPED,        /* texts, without memory */
    CTXTRACE_COUNT_CLEANUPS_SKIPPED,      /* their frames went without running them */
    CTXTRACE_COUNT_CLEANUPS_UNREGISTERED, /* without memory: they run, and are not known */
    CTXTRACE_COUNT_POPPED_ELSEWHERE,      /* on another thread than the push */
    CTXTRACE_COUNT_LEFT_ATTACHED,         /* threads that ended with something pushed */
    CTXTRACE_COUNT_WG_NEGATIVE,           /* WaitGroups: more done than added */
    CTXTRACE_COUNT_WG_REUSED,             /* added to before those who wait are back */
    CTXTRACE_COUNT_WG_DESTROYED,          /* before they were done; groups, too */
    CTXTRACE_COUNT_WG_UNDONE,             /* waits that a context ended */
    CTXTRACE_COUNT_TASKS_ENDED,           /* a task used after its end; NULL was entered */
    CTXTRACE_COUNT_TASK_NAMES_DROPPED,    /* tasks whose delay has no place */
    CTXTRACE_COUNTS
};
/* How often since the start; fork children begin with their parent's. */
uint64_t ctxtrace_counted(enum ctxtrace_count what);

#pragma GCC visibility pop

#ifndef CTXTRACE_NO_SHORT_NAMES
#define ctx_t                  ctxtrace_t
#define ctx_key_t              struct ctxtrace_key
#define ctx_token_t            ctxtrace_token_t
#define ctx_captured_t         ctxtrace_captured_t
#define ctx_after_t            ctxtrace_after_t
#define ctx_background         ctxtrace_background
#define ctx_todo               ctxtrace_todo
#define ctx_with_cancel        ctxtrace_with_cancel
#define ctx_with_deadline      ctxtrace_with_deadline
#define ctx_with_timeout       ctxtrace_with_timeout
#define ctx_with_value         ctxtrace_with_value
#define ctx_with_name          ctxtrace_with_name
#define ctx_with_trace         ctxtrace_with_trace
#define ctx_with_trace_id      ctxtrace_with_trace_id
#define ctx_from_env           ctxtrace_from_env
#define ctx_without_cancel     ctxtrace_without_cancel
#define ctx_ref                ctxtrace_ref
#define ctx_release            ctxtrace_release
#define ctx_cancel             ctxtrace_cancel
#define ctx_cancel_cause       ctxtrace_cancel_cause
#define ctx_cancel_from_signal ctxtrace_cancel_from_signal
#define ctx_finish             ctxtrace_finish
#define ctx_err                ctxtrace_err
#define ctx_cause              ctxtrace_cause
#define ctx_deadline           ctxtrace_deadline
#define ctx_value              ctxtrace_value
#define ctx_name               ctxtrace_name
#define ctx_id                 ctxtrace_id
#define ctx_parent             ctxtrace_parent
#define ctx_made_at            ctxtrace_made_at
#define ctx_traceparent        ctxtrace_traceparent
#define ctx_to_env             ctxtrace_to_env
#define ctx_done_fd            ctxtrace_done_fd
#define ctx_wait               ctxtrace_wait
#define ctx_sleep              ctxtrace_sleep
#define ctx_poll               ctxtrace_poll
#define ctx_cond_wait          ctxtrace_cond_wait
#define ctx_after_func         ctxtrace_after_func
#define ctx_stop               ctxtrace_stop
#define ctx_current            ctxtrace_current
#define ctx_push               ctxtrace_push
#define ctx_pop                ctxtrace_pop
#define ctx_run                ctxtrace_run
#define ctx_capture            ctxtrace_capture
#define ctx_restore            ctxtrace_restore
#define ctx_drop               ctxtrace_drop
#define ctx_counted            ctxtrace_counted
#define CTX_ATTACH             CTXTRACE_ATTACH_CONTEXT
#define CTX_SCOPE              CTXTRACE_SCOPE
#define CTX_OWNED              CTXTRACE_OWNED
#define CTX_END_OK             CTXTRACE_END_OK
#define CTX_END_ERROR          CTXTRACE_END_ERROR
#define CTX_REPORT             CTXTRACE_REPORT
#define CTX_SECRET             CTXTRACE_SECRET
#define CTX_SECOND             CTXTRACE_SECOND
#define CTX_FOREVER            CTXTRACE_FOREVER
#endif

#ifdef __cplusplus
}
#endif

#include "ctxtrace_defer.h"
#include "ctxtrace_resource.h"
#include "ctxtrace_task.h"
#include "ctxtrace_test.h"

#endif
