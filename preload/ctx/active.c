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
    uint32_t task;                /* the tracker's number of what it is at work on */
    uint32_t thread;              /* no two have the same; 0: it never pushed */
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

/* ---- push and pop ---- */

__attribute__((noinline, cold)) static void thread_begin(void)
{
    static _Atomic uint32_t last;
    int before = errno;
    active.thread = atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
    libctx_thread_watch();
    errno = before;
}

ctxtrace_token_t ctxtrace_push(ctxtrace_t *handle)
{
    struct context *context = libctx_look(handle);
    if (UNLIKELY(!active.thread))
        thread_begin();
    ctxtrace_token_t token = {
        .context = libctx_handle(context),
        .before = active.top,
        .depth = ++active.depth,
        .serial = ++active.last_serial,
        .serial_before = active.serial,
        .task_before = active.task,
        .thread = active.thread,
        .once = 1,
    };
    active.serial = token.serial;
    token.tracker_before =
        enter(token.context, atomic_load_explicit(&context->tracker, memory_order_relaxed));
    return token;
}

/* Back to what was before its push. */
static void unwind(const ctxtrace_token_t *token)
{
    active.depth = token->depth - 1;
    active.serial = token->serial_before;
    if (UNLIKELY(active.task != token->task_before)) {
        active.task = token->task_before;
        libctx_tell_task_entered(active.task);
    }
    enter(token->before, token->tracker_before);
}

/* Of this context, which may be gone by now. */
static void misused(enum ctxtrace_attach_misuse what, ctxtrace_t *handle, uint32_t count,
                    const void *site_pc)
{
    libctx_misused(what, handle, libctx_lives(handle) ? libctx_look(handle) : NULL, count, site_pc);
}

bool libctx_pop(ctxtrace_token_t *token, const void *site_pc)
{
    bool is_own = token->thread == active.thread;
    if (UNLIKELY(token->depth && !is_own)) { /* its own thread may pop it yet */
        misused(CTXTRACE_ATTACH_POP_ELSEWHERE, token->context, 0, site_pc);
        return false;
    }
    bool is_at_top = token->depth && token->depth == active.depth;
    bool is_top = is_at_top && token->serial == active.serial;
    bool unwinds = is_top || (token->depth && token->depth < active.depth);
    if (UNLIKELY(!is_top))
        misused(CTXTRACE_ATTACH_POP_ORDER, token->context,
                unwinds ? active.depth - token->depth : 0, site_pc);
    if (unwinds)
        unwind(token);
    token->depth = 0;
    return unwinds;
}

void ctxtrace_pop(ctxtrace_token_t *token)
{
    if (token)
        libctx_pop(token, __builtin_return_address(0));
}

/* ---- tasks, and what is left when they end ---- */

void libctx_enter_task(ctxtrace_token_t *token, uint32_t task)
{
    token->task_before = libctx_tell_task_entered(task);
    active.task = task;
}

void libctx_pop_left(ctxtrace_token_t *token)
{
    if (active.depth > token->depth)
        misused(CTXTRACE_ATTACH_LEFT_ATTACHED, active.top, active.depth - token->depth, NULL);
    if (active.depth >= token->depth)
        unwind(token);
}

void libctx_active_end(void)
{
    if (!active.depth)
        return;
    misused(CTXTRACE_ATTACH_LEFT_ATTACHED, active.top, active.depth, NULL);
    unwind(&(ctxtrace_token_t){.depth = 1});
}

/* As if it were a push. */
void libctx_active_keep(ctxtrace_token_t *ret_kept)
{
    const struct ctxtrace_attach_contexts *told = libctx_tracked();
    *ret_kept = (ctxtrace_token_t){
        .before = active.top,
        .depth = active.depth + 1,
        .serial_before = active.serial,
        .task_before = active.task,
    };
    if (told) { /* it tells what it has only when it is told another */
        ret_kept->tracker_before = told->entered(0);
        told->entered(ret_kept->tracker_before);
    }
}

void libctx_active_back(const ctxtrace_token_t *kept)
{
    if (active.depth >= kept->depth)
        unwind(kept);
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
