/* SPDX-License-Identifier: MIT */
/*
 * ctxtrace_defer.h: Go's defer, panic and recover for C. Included by ctxtrace.h.
 *
 *     int fd = open(path, O_RDONLY);
 *     CTX_CLOSE_FD(fd);
 *     ctx_defer(tell_them, "over");
 *
 * A cleanup runs at the end of the enclosing block, last registered first, however the block is
 * left: by its end, return, break, continue or goto, and, in code compiled with -fexceptions, by
 * an exception, pthread_exit or pthread_cancel. It is what the cleanup attribute does (where a
 * compiler has the `defer` of TS 25755, too: run, cancel and the list of what is pending need a
 * record in any case). What is registered on a thread is known in a list besides, so that a
 * report can tell what has not run, and ctx_fail can run it.
 *
 * What skips a cleanup, and when that is noticed (counted as CTXTRACE_COUNT_CLEANUPS_SKIPPED, and
 * told to the tracker; it never runs)
 *   longjmp over its frame           at the next registering or running on the thread that is not
 *                                    in a frame at the same place; for frames on the thread's own
 *                                    stack, in programs with unwind tables (compilers make them if
 *                                    not told otherwise). Else when the thread has ended
 *   longjmp within its function      when the same line registers again, or as above
 *   pthread_exit, pthread_cancel,    when the thread has ended
 *   without -fexceptions
 *   exit, abort, a fatal signal      not; the tracker's report at the end has what is pending
 *   a coroutine that is never
 *   resumed, a handler on a signal
 *   stack of its own that is left
 *   by siglongjmp                    when another cleanup is registered at the same address
 *
 * A variable or its value? ctx_defer takes `arg` as it is now, as Go does. What is made for a
 * variable (CTX_CLOSE_FD, CTX_FCLOSE, CTX_FREE, CTX_MUNMAP's pointer, ctx_defer_of) looks at what
 * it holds *by then*: what realloc moved is freed where it is, and to hand something on is to set
 * the variable to -1 or NULL. A value that is overwritten is therefore not cleaned up; and the
 * variable has to live as long as the block.
 *
 * threads   A registered cleanup belongs to its thread; a coroutine that moves to another thread
 *           takes its own along. Nothing here is for signal handlers.
 * memory    Where there is none for the list (or 65536 are pending on a thread), a cleanup runs
 *           at the end of its block all the same, but ctx_fail and reports do not know of it:
 *           CTXTRACE_COUNT_CLEANUPS_UNREGISTERED.
 */
#ifndef CTXTRACE_DEFER_H
#define CTXTRACE_DEFER_H

#include <setjmp.h>
#include <stdio.h>

#include "ctxtrace.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* ---- registering ---- */

/* One pending cleanup: in the frame of who registered it. Its members are libctx's. */
typedef struct ctxtrace_deferred {
    void (*fn)(void *arg); /* NULL: run, or cancelled */
    void *arg;
    uint32_t place;
} ctxtrace_deferred_t;

/* What the macros call; returns its argument. `frame` and `caller` tell the call that registers
 * from others, now and later. */
ctxtrace_deferred_t *ctxtrace_defer_at(ctxtrace_deferred_t *here, const struct ctxtrace_site *site,
                                       void *frame, void *caller, void (*fn)(void *arg),
                                       void *arg) CTXTRACE_MUST_USE;
void ctxtrace_defer_end(ctxtrace_deferred_t *deferred);
void ctxtrace_defer_drop(ctxtrace_deferred_t *deferred);
#define CTXTRACE_UNUSED_ __attribute__((__unused__))
#define CTXTRACE_CALL    __builtin_frame_address(0), __builtin_return_address(0)

/* `handle` names it for ctx_defer_run and ctx_defer_cancel. These are declarations: the body of
 * an `if` needs its braces, and is the block at whose end they run. Two on one line (in a macro)
 * need handles of their own: ctx_defer_as, ctx_defer_of_as. */
#define CTXTRACE_DEFER_AS(handle, fn, arg)                                                         \
    ctxtrace_deferred_t handle CTXTRACE_CLEANUP(ctxtrace_defer_end),                               \
        *const handle##_at CTXTRACE_UNUSED_ =                                                      \
            ctxtrace_defer_at(&handle, CTXTRACE_SITE, CTXTRACE_CALL, fn, arg)
/* fn(arg) at the end of the block. fn NULL is nothing. */
#define CTXTRACE_DEFER(fn, arg)                                                                    \
    CTXTRACE_DEFER_(CTXTRACE_JOIN(ctxtrace_deferred_, __LINE__), fn, arg)
#define CTXTRACE_DEFER_(handle, fn, arg) CTXTRACE_DEFER_AS(handle, fn, arg)
/* Now, and never again. */
#define ctxtrace_defer_run(handle) ctxtrace_defer_end(&(handle))
/* Never. */
#define ctxtrace_defer_cancel(handle) ctxtrace_defer_drop(&(handle))

/* ---- of a variable ---- */

/* At file scope. A cleanup for variables of this type: in the expression, `it` is the value.
 *
 *     CTX_DEFER_DEFINE(leave_queue, struct queue *, if (it) queue_leave(it));
 *     ...
 *     struct queue *queue = queue_enter();
 *     ctx_defer_of(leave_queue, queue);
 */
#define CTXTRACE_DEFER_DEFINE(cleanup, type, expression)                                           \
    static inline __attribute__((__unused__)) void cleanup(void *ctxtrace_variable)                \
    {                                                                                              \
        type it = *(type *)ctxtrace_variable;                                                      \
        expression;                                                                                \
    }                                                                                              \
    typedef __typeof__(type) cleanup##_type
#define CTXTRACE_DEFER_OF(cleanup, variable)                                                       \
    CTXTRACE_DEFER(cleanup, CTXTRACE_ADDRESS(cleanup##_type, variable))
#define CTXTRACE_DEFER_OF_AS(handle, cleanup, variable)                                            \
    CTXTRACE_DEFER_AS(handle, cleanup, CTXTRACE_ADDRESS(cleanup##_type, variable))
/* Of nothing but a variable of this type. */
#define CTXTRACE_ADDRESS(type, variable) (0 ? (type *)0 : &(variable))

/* What the ready-made ones run; each takes the variable's address, and empties the variable. */
void ctxtrace_close_fd(void *fd);       /* an int; below 0: nothing */
void ctxtrace_close_file(void *stream); /* a FILE *; NULL: nothing */
void ctxtrace_free_block(void *block);  /* any pointer to an object */
void ctxtrace_unlock_mutex(void *mutex);

/* A pointer's address, and how much is mapped there. */
typedef struct ctxtrace_mapping {
    void *variable;
    size_t length;
} ctxtrace_mapping_t;
void ctxtrace_unmap(void *mapping); /* a pointer that is NULL or MAP_FAILED: nothing */

#define CTXTRACE_CLOSE_FD(fd) CTXTRACE_DEFER(ctxtrace_close_fd, CTXTRACE_ADDRESS(int, fd))
#define CTXTRACE_FCLOSE(stream)                                                                    \
    CTXTRACE_DEFER(ctxtrace_close_file, CTXTRACE_ADDRESS(FILE *, stream))
#define CTXTRACE_FREE(pointer) CTXTRACE_DEFER(ctxtrace_free_block, CTXTRACE_OF_POINTER(pointer))
/* The mutex's address, as it is now. */
#define CTXTRACE_UNLOCK(mutex)                                                                     \
    CTXTRACE_DEFER(ctxtrace_unlock_mutex, (0 ? (pthread_mutex_t *)0 : (mutex)))
/* `length` as it is now. */
#define CTXTRACE_MUNMAP(pointer, length)                                                           \
    ctxtrace_mapping_t CTXTRACE_JOIN(ctxtrace_mapping_, __LINE__) = {CTXTRACE_OF_POINTER(pointer), \
                                                                     (size_t)(length)};            \
    CTXTRACE_DEFER(ctxtrace_unmap, &CTXTRACE_JOIN(ctxtrace_mapping_, __LINE__))
#define CTXTRACE_OF_POINTER(pointer) ((void)sizeof(0 ? (pointer) : (void *)0), (void *)&(pointer))

/* ---- what is pending ---- */

struct ctxtrace_pending {
    const struct ctxtrace_site *site;
    void (*fn)(void *arg);
    void *arg;
};
/* Of the frames that lead to the caller; 0 is what was registered last. -1 and ENOENT: there are
 * not so many. */
int ctxtrace_defer_pending(size_t i, struct ctxtrace_pending *ret_pending);

/* ---- fail and recover ---- */

/*     CTX_TRY
 *     {
 *         work();
 *     }
 *     CTX_RECOVER(code, cause)
 *     {
 *         fprintf(stderr, "%d: %s\n", code, cause);
 *     }
 *
 * ctx_fail, anywhere below work(), runs what is registered in the frames down to this one, last
 * first, and goes on in the recover block; `cause` is there to its end. Out of both blocks by
 * return, break, continue or goto is fine; break and continue leave the block, not a loop around
 * it. A ctx_fail in a recover block, or in a cleanup, goes to the CTX_TRY around; the latest is
 * the one that is recovered. The thread's active context is again what it was.
 *
 * It is a longjmp. Locals of this function that are changed in the first block and read in the
 * other one, or after it, must be volatile. Cleanup attributes that are not of this file (CTX_OWNED
 * is one) are skipped: such a context is ended by a cleanup of its own,
 *     CTX_DEFER_DEFINE(end_context, ctx_t *, (ctx_cancel(it), ctx_release(it)));
 * The signal mask stays as it is. It goes to a CTX_TRY on the same stack only: one in a coroutine
 * does not catch for another, nor who resumes one for it; in coroutines it takes unwind tables.
 * Both have to be of the same libctx: a plugin may have been linked with its own.
 * A longjmp out of a CTX_TRY is noticed as late as one over a cleanup is: there may be no ctx_fail
 * before that.
 *
 * C only: ctx_fail runs no destructors, and C++ has exceptions. ctx_fail in C++ is for functions
 * between which and the CTX_TRY there are none. */

/* Never returns. Without a CTX_TRY around it: nothing is run, a line on stderr, abort. */
void ctxtrace_fail_at(const struct ctxtrace_site *site, int code, const char *format,
                      ...) CTXTRACE_PRINTF __attribute__((__noreturn__, __cold__));
#define ctxtrace_fail(code, ...) ctxtrace_fail_at(CTXTRACE_SITE, code, __VA_ARGS__)

typedef struct ctxtrace_try {
    jmp_buf jump;
    const struct ctxtrace_try *self;
    ctxtrace_token_t active;
    uint32_t place;
    int code;
    char cause[256];
} ctxtrace_try_t;
typedef struct ctxtrace_recovered {
    const char *cause;
    int code;
    int once;
} ctxtrace_recovered_t;

ctxtrace_try_t *ctxtrace_try_begin(ctxtrace_try_t *here, const struct ctxtrace_site *site,
                                   void *frame, void *caller) CTXTRACE_MUST_USE;
void ctxtrace_try_end(ctxtrace_try_t *here);
/* Of the ctx_fail that the calling thread just came from. */
ctxtrace_recovered_t ctxtrace_recovery(void) CTXTRACE_MUST_USE;

#ifndef __cplusplus
#define CTXTRACE_TRY_(here, pointer)                                                               \
    for (ctxtrace_try_t here CTXTRACE_CLEANUP(ctxtrace_try_end),                                   \
         *pointer = ctxtrace_try_begin(&here, CTXTRACE_SITE, CTXTRACE_CALL);                       \
         pointer; pointer = NULL)                                                                  \
        if (!setjmp(pointer->jump))                                                                \
            do
#define CTXTRACE_TRY                                                                               \
    CTXTRACE_TRY_(CTXTRACE_JOIN(ctxtrace_try_, __LINE__), CTXTRACE_JOIN(ctxtrace_tried_, __LINE__))
#define CTXTRACE_ONCE_(declaration, recovery) for (declaration; recovery.once; recovery.once = 0)
#define CTXTRACE_RECOVER_(name, text, recovery)                                                    \
    while (0)                                                                                      \
        ;                                                                                          \
    else CTXTRACE_ONCE_(ctxtrace_recovered_t recovery = ctxtrace_recovery(), recovery)             \
        CTXTRACE_ONCE_(const int name CTXTRACE_UNUSED_ = recovery.code, recovery)                  \
            CTXTRACE_ONCE_(const char *const text CTXTRACE_UNUSED_ = recovery.cause, recovery)
#define CTXTRACE_RECOVER(code, cause)                                                              \
    CTXTRACE_RECOVER_(code, cause, CTXTRACE_JOIN(ctxtrace_recovery_, __LINE__))
#endif

#pragma GCC visibility pop

#ifndef CTXTRACE_NO_SHORT_NAMES
#define ctx_defer         CTXTRACE_DEFER
#define ctx_defer_as      CTXTRACE_DEFER_AS
#define ctx_defer_of      CTXTRACE_DEFER_OF
#define ctx_defer_of_as   CTXTRACE_DEFER_OF_AS
#define ctx_defer_run     ctxtrace_defer_run
#define ctx_defer_cancel  ctxtrace_defer_cancel
#define ctx_defer_pending ctxtrace_defer_pending
#define ctx_fail          ctxtrace_fail
#define CTX_DEFER_DEFINE  CTXTRACE_DEFER_DEFINE
#define CTX_CLOSE_FD      CTXTRACE_CLOSE_FD
#define CTX_FCLOSE        CTXTRACE_FCLOSE
#define CTX_FREE          CTXTRACE_FREE
#define CTX_UNLOCK        CTXTRACE_UNLOCK
#define CTX_MUNMAP        CTXTRACE_MUNMAP
#ifndef __cplusplus
#define CTX_TRY     CTXTRACE_TRY
#define CTX_RECOVER CTXTRACE_RECOVER
#endif
#endif

#ifdef __cplusplus
}
#endif

#endif
