/* SPDX-License-Identifier: MIT */
/*
 * Tasks: pieces of work that are no threads of their own, such as a coroutine, a request of an
 * event loop, what waits in the queue of a pool. A task owns its context, and makes it the active
 * one of whichever thread is at work on it. It lives in the pool, so that the handle of one that
 * has ended is noticed.
 */
#include "preload/ctx/internal.h"

#include <errno.h>

struct task {
    struct slot slot;
    ctxtrace_t *context; /* owned; a handle, since the tracker looks who has one */
    struct delays *delays;
    uint64_t begun_ns;
    uint32_t tracker;       /* its number there */
    _Atomic int is_started; /* somebody entered it */
    _Atomic int is_over;
};

_Static_assert(sizeof(struct task) <= SLOT_BYTES, "a task fits its slot");

static ctxtrace_task_t *task_handle(const struct task *task)
{
    uint32_t generation =
        atomic_load_explicit(&((struct task *)task)->slot.generation, memory_order_relaxed);
    return (ctxtrace_task_t *)((uintptr_t)task | generation);
}

/* NULL, and counted, for none and for one that has ended. */
static struct task *task_look(const ctxtrace_task_t *handle)
{
    uintptr_t bits = (uintptr_t)handle;
    struct task *task = (struct task *)(bits & ~(uintptr_t)(SLOT_BYTES - 1));
    if (LIKELY(task && task->slot.pool == SLOT_TASK &&
               atomic_load(&task->slot.generation) == (bits & (SLOT_BYTES - 1))))
        return task;
    libctx_count(CTXTRACE_COUNT_TASKS_ENDED);
    return NULL;
}

ctxtrace_task_t *ctxtrace_task_begin_at(const struct ctxtrace_site *site, ctxtrace_t *handle,
                                        const char *name)
{
    libctx_attend();
    struct context *context = libctx_look(handle);
    struct task *task = libctx_pool_take(SLOT_TASK);
    if (!task) {
        errno = ENOMEM;
        return NULL;
    }
    int before = errno;
    name = name ? name : site->function;
    libctx_ref(context);
    task->context = libctx_handle(context);
    task->begun_ns = libctx_now();
    task->delays = libctx_delays_of(name);
    task->tracker = libctx_tell_task(context, name, NULL, __builtin_return_address(0));
    libctx_delay_begin(task->delays, false);
    errno = before;
    return task_handle(task);
}

void ctxtrace_task_end(ctxtrace_task_t *handle)
{
    struct task *task = handle ? task_look(handle) : NULL;
    if (!task)
        return;
    if (atomic_exchange(&task->is_over, 1)) { /* by two threads at once */
        libctx_count(CTXTRACE_COUNT_TASKS_ENDED);
        return;
    }
    int before = errno;
    struct context *context = libctx_look(task->context);
    if (!atomic_load(&task->is_started))
        libctx_delay_drop(task->delays, false);
    libctx_tell_task_ended(task->tracker);
    task->context = NULL;
    libctx_pool_give(&task->slot);
    libctx_unref(context);
    errno = before;
}

ctxtrace_task_token_t ctxtrace_task_enter(ctxtrace_task_t *handle)
{
    struct task *task = task_look(handle);
    ctxtrace_task_token_t token = {.context = NULL};
    if (!task) { /* as it was, and left as others are */
        token.active = ctxtrace_push(ctxtrace_current());
        return token;
    }
    if (!atomic_exchange(&task->is_started, 1))
        libctx_delay_end(task->delays, false, task->begun_ns);
    token.context = ctxtrace_ref(task->context);
    token.active = ctxtrace_push(token.context);
    libctx_enter_task(&token.active, task->tracker);
    return token;
}

void ctxtrace_task_leave(ctxtrace_task_token_t *token)
{
    if (!token)
        return;
    int before = errno;
    bool is_own = libctx_pop(&token->active, __builtin_return_address(0));
    if (token->context && (is_own || !token->active.depth)) {
        ctxtrace_release(token->context);
        token->context = NULL;
    }
    errno = before;
}

void ctxtrace_task_blocked(ctxtrace_task_t *handle, const char *why, const void *object)
{
    struct task *task = handle ? task_look(handle) : NULL;
    if (task || !handle)
        libctx_tell_blocked(task ? task->tracker : 0, why, object);
}
