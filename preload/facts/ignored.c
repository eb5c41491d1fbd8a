/* SPDX-License-Identifier: MIT */
#include "preload/facts/ignored.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "preload/facts/context.h"
#include "preload/facts/task.h"
#include "preload/ground/arena.h"
#include "preload/ground/health.h"

#define REASONS     64u /* the last one stands for all further ones */
#define REASON_MOST 200u
#define NESTED_MOST 8u

/* Filled in order: `next` rows are taken, and those whose context is not 0 are ready. */
static struct reason {
    _Atomic uint32_t context;
    const char *why;
} reasons[REASONS];
static _Atomic uint32_t next;

/* What was active before each begin. Deeper ones stay in the context of the last. */
static _Thread_local struct {
    uint32_t depth;
    uint32_t before[NESTED_MOST];
} scopes __attribute__((tls_model("initial-exec")));

static uint32_t reason_find(const char *why, size_t length)
{
    uint32_t count = atomic_load(&next);
    for (uint32_t i = 0; i < count && i < REASONS; i++) {
        uint32_t context = atomic_load_explicit(&reasons[i].context, memory_order_acquire);
        if (context && strncmp(reasons[i].why, why, length) == 0 && !reasons[i].why[length])
            return context;
    }
    return CONTEXT_NONE;
}

/* Two threads with a new reason may make two contexts of it: nothing is lost by that. */
static uint32_t reason_make(struct reason *reason, const char *why, size_t length)
{
    const char *kept = arena_copy(why, length);
    uint32_t context =
        kept ? context_new(CTT_CONTEXT_SCOPE, CONTEXT_PROCESS, 0, kept) : CONTEXT_NONE;
    if (!context)
        return CONTEXT_NONE;
    context_set_flags(context, CTT_CONTEXT_IGNORED);
    reason->why = kept;
    atomic_store_explicit(&reason->context, context, memory_order_release);
    return context;
}

uint32_t ignored_context(const char *why)
{
    static const char none[] = "ignored", others[] = "ignored for other reasons";
    if (!why || !*why)
        why = none;
    size_t length = 0;
    while (length < REASON_MOST && why[length])
        length++;
    uint32_t context = reason_find(why, length);
    if (context)
        return context;
    uint32_t place = atomic_load(&next);
    while (place < REASONS - 1 && !atomic_compare_exchange_weak(&next, &place, place + 1))
        ;
    if (place < REASONS - 1)
        return reason_make(&reasons[place], why, length);
    HEALTH(reasons_merged);
    struct reason *last = &reasons[REASONS - 1];
    context = atomic_load_explicit(&last->context, memory_order_acquire);
    return context ? context : reason_make(last, others, sizeof others - 1);
}

void ignored_begin(const char *why)
{
    uint32_t context = ignored_context(why);
    uint32_t depth = scopes.depth++;
    if (depth >= NESTED_MOST)
        return;
    task_self();
    scopes.before[depth] = self.context;
    if (context)
        task_enter(context);
}

/* In a fork child the context of the thread that forked is no more. */
void ignored_end(void)
{
    if (scopes.depth == 0)
        return;
    uint32_t depth = --scopes.depth;
    if (depth >= NESTED_MOST)
        return;
    uint32_t before = scopes.before[depth];
    struct context *context = context_get(before);
    task_enter(context && atomic_load(&context->kept) ? before : CONTEXT_PROCESS);
}
