/* SPDX-License-Identifier: MIT */
/*
 * Which context is active on a thread: a stack of which only the top is kept here; what is
 * below it lies in the tokens of those who pushed. The tracker is told each change, and charges
 * what the thread acquires to the context on top. Another copy of libctx (one that a plugin was
 * linked with) may have told it something since, so it says itself what was before.
 */
#include "preload/ctx/internal.h"

#include <errno.h>

static __thread struct {
    ctxtrace_t *top; /* NULL: nothing was pushed */
    uint32_t depth;
    uint32_t serial, last_serial; /* of the push on top; no two have the same */
} active STATIC_TLS;

/* The tracker's number of what was before. */
static uint32_t enter(ctxtrace_t *top, uint32_t tracker)
{
    const struct ctxtrace_attach_contexts *told = libctx_tracked();
    active.top = top;
    return told ? told->entered(tracker) : 0;
}

void libctx_active_replay(void)
{
    const struct ctxtrace_attach_contexts *told = libctx_tracked();
    uint32_t tracker = active.top ? atomic_load(&libctx_look(active.top)->tracker) : 0;
    if (told && tracker)
        told->entered(tracker);
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
        .depth = ++active.depth,
        .serial = ++active.last_serial,
        .serial_before = active.serial,
        .once = 1,
    };
    active.serial = token.serial;
    token.tracker_before = enter(libctx_handle(context),
                                 atomic_load_explicit(&context->tracker, memory_order_relaxed));
    return token;
}

void ctxtrace_pop(ctxtrace_token_t *token)
{
    if (!token)
        return;
    bool is_at_top = token->depth && token->depth == active.depth;
    bool is_top = is_at_top && token->serial == active.serial;
    if (!is_top)
        libctx_count(CTXTRACE_COUNT_OUT_OF_ORDER);
    if (is_top || (token->depth && token->depth < active.depth)) {
        active.depth = token->depth - 1;
        active.serial = token->serial_before;
        enter(token->before, token->tracker_before);
    }
    token->depth = 0;
}

void libctx_active_keep(ctxtrace_token_t *ret_kept)
{
    const struct ctxtrace_attach_contexts *told = libctx_tracked();
    *ret_kept = (ctxtrace_token_t){
        .before = active.top, .depth = active.depth, .serial_before = active.serial};
    if (told) { /* it tells what it has only when it is told another */
        ret_kept->tracker_before = told->entered(0);
        told->entered(ret_kept->tracker_before);
    }
}

void libctx_active_back(const ctxtrace_token_t *kept)
{
    if (active.depth <= kept->depth)
        return;
    active.depth = kept->depth;
    active.serial = kept->serial_before;
    enter(kept->before, kept->tracker_before);
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
