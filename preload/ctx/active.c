/* SPDX-License-Identifier: MIT */
/*
 * Which context is active on a thread: a stack of which only the top is kept here; what is
 * below it lies in the tokens of those who pushed. The tracker is told each change, and charges
 * what the thread acquires to the context on top.
 */
#include "preload/ctx/internal.h"

#include <errno.h>

static __thread struct {
    ctxtrace_t *top;  /* NULL: nothing was pushed */
    uint32_t tracker; /* the top's number */
    uint32_t depth;
} active STATIC_TLS;

static void enter(ctxtrace_t *top, uint32_t tracker)
{
    const struct ctxtrace_attach_contexts *told = libctx_tracked();
    bool is_other = tracker != active.tracker;
    active.top = top;
    active.tracker = tracker;
    if (told && is_other)
        told->entered(tracker);
}

void libctx_active_replay(void)
{
    const struct ctxtrace_attach_contexts *told = libctx_tracked();
    active.tracker = active.top ? atomic_load(&libctx_look(active.top)->tracker) : 0;
    if (told && active.tracker)
        told->entered(active.tracker);
}

ctxtrace_t *ctxtrace_current(void)
{
    return active.top ? active.top : ctxtrace_background();
}

ctxtrace_token_t ctxtrace_push(ctxtrace_t *handle)
{
    struct context *context = libctx_look(handle);
    ctxtrace_token_t token = {
        .before = active.top,
        .tracker_before = active.tracker,
        .depth = ++active.depth,
        .once = 1,
    };
    enter(libctx_handle(context), atomic_load_explicit(&context->tracker, memory_order_relaxed));
    return token;
}

void ctxtrace_pop(ctxtrace_token_t *token)
{
    if (!token)
        return;
    if (!token->depth || token->depth != active.depth)
        libctx_count(CTXTRACE_COUNT_OUT_OF_ORDER);
    if (token->depth && token->depth <= active.depth) {
        active.depth = token->depth - 1;
        enter(token->before, token->tracker_before);
    }
    token->depth = 0;
}

void ctxtrace_run(ctxtrace_t *handle, void (*fn)(void *arg), void *arg)
{
    CTXTRACE_ATTACH_CONTEXT(handle);
    if (fn)
        fn(arg);
}

ctxtrace_captured_t ctxtrace_capture(void)
{
    ctxtrace_captured_t captured = {.context = ctxtrace_ref(ctxtrace_current())};
    return captured;
}

ctxtrace_token_t ctxtrace_restore(ctxtrace_captured_t captured)
{
    return ctxtrace_push(captured.context);
}

void ctxtrace_drop(ctxtrace_captured_t *captured)
{
    if (!captured)
        return;
    ctxtrace_release(captured->context);
    captured->context = NULL;
}
