/* SPDX-License-Identifier: MIT */
/*
 * ctx_cancel_from_signal: a cancel in a signal handler, where no lock may be taken, no memory
 * allocated and no thread made. So the handler does the part that cannot wait: it marks the
 * context, arms the descriptors below it, and wakes whoever sleeps; ctx_err looks for such a
 * mark up the tree as long as there is one. The walk itself is made by the next thread that
 * comes to libctx for anything else, mostly one of those that were woken.
 *
 * A thread of our own for this would have to be there before the handler runs, in every
 * program that makes a context.
 */
#include "preload/ctx/internal.h"

#include <errno.h>

_Atomic int libctx_signalled;
_Atomic bool libctx_helper_wanted;
static _Atomic(struct context *) pending;
static _Atomic bool has_come; /* ever: else nobody goes up a long chain to look for one */

struct context *libctx_signalled_by(struct context *context)
{
    if (LIKELY(!atomic_load(&has_come)))
        return NULL;
    for (; context; context = context->parent) {
        if (atomic_load(&context->signal_code))
            return context;
        if (context->kind == KIND_WITHOUT_CANCEL)
            return NULL;
    }
    return NULL;
}

struct context *libctx_signalled_first(struct context *context)
{
    struct context *by = libctx_signalled_by(context);
    bool is_late =
        by && context->deadline_ns && context->deadline_ns <= atomic_load(&by->signal_ns);
    return is_late ? NULL : by;
}

struct ending libctx_signal_ending(const struct context *context)
{
    return (struct ending){
        .err = ECANCELED,
        .code = atomic_load(&context->signal_code),
        .state = CTXTRACE_ATTACH_CANCELLED,
        .below = CTXTRACE_ATTACH_CANCELLED,
        .when_ns = atomic_load(&context->signal_ns),
    };
}

void libctx_signal_end(struct context *context)
{
    struct ending how = libctx_signal_ending(context);
    libctx_end(context, &how);
}

void ctxtrace_cancel_from_signal(ctxtrace_t *handle, int code)
{
    struct context *context = libctx_look(handle);
    int before = errno, none = 0;
    atomic_store(&has_come, true);
    uint64_t never = 0;
    if (context->kind == KIND_ROOT || atomic_load(&context->err))
        return;
    atomic_compare_exchange_strong(&context->signal_ns, &never, libctx_now());
    if (!atomic_compare_exchange_strong(&context->signal_code, &none, code ? code : ECANCELED))
        return;
    libctx_ref(context); /* for whoever walks */
    atomic_fetch_add(&libctx_signalled, 1);
    struct context *first = atomic_load(&pending);
    do
        context->signal_next = first;
    while (!atomic_compare_exchange_weak(&pending, &first, context));
    libctx_fd_signal(context);
    libctx_wake_all();
    libctx_helper_wake();
    errno = before;
}

void libctx_attend_signals(void)
{
    if (atomic_exchange(&libctx_helper_wanted, false))
        libctx_helper_start();
    struct context *context = atomic_exchange(&pending, NULL);
    while (context) {
        struct context *next = context->signal_next;
        libctx_signal_end(context);
        atomic_fetch_sub(&libctx_signalled, 1);
        libctx_unref(context);
        context = next;
    }
}
