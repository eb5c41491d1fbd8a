/* SPDX-License-Identifier: MIT */
#include "preload/facts/releases.h"

#include <stddef.h>

#include "preload/facts/context.h"
#include "preload/facts/context_note.h"
#include "preload/facts/lateness.h"
#include "preload/facts/stack.h"
#include "preload/ground/arena.h"
#include "preload/ground/guard.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"

#define ROWS_MAX (1u << 18) /* stacks that gave something back; 20 MiB */

struct place {
    _Atomic uint32_t stack; /* for ever, once it is set */
    _Atomic uint32_t count;
};

struct releases {
    struct place places[CTT_SITE_PLACES];
    _Atomic uint64_t elsewhere;
    _Atomic uint64_t late;
    _Atomic uint64_t late_longest_ns;
    _Atomic uint64_t late_total_ns;
    _Atomic uint32_t by_themselves; /* they have no place */
    _Atomic(struct lateness *) lateness;
};
_Static_assert(sizeof(struct releases) == 80, "as ROWS_MAX says");

/* What most releases need not come to, kept out of the way of those. */
#define SELDOM __attribute__((noinline, cold))

static SELDOM struct releases *row_make(struct stack_note *note)
{
    static _Atomic uint32_t rows;
    struct releases *none = NULL;
    struct releases *fresh = atomic_load(&rows) < ROWS_MAX ? arena_alloc(sizeof *fresh) : NULL;
    if (!fresh) {
        HEALTH(releases_dropped);
        return NULL;
    }
    atomic_fetch_add(&rows, 1);
    /* Another thread may have been first: then ours stays empty. */
    return atomic_compare_exchange_strong(&note->releases, &none, fresh) ? fresh : none;
}

static SELDOM void place_note(struct releases *row, uint32_t at)
{
    for (unsigned i = 0; i < CTT_SITE_PLACES; i++) {
        struct place *place = &row->places[i];
        uint32_t there = atomic_load_explicit(&place->stack, memory_order_relaxed);
        if (there == at ||
            (there == STACK_NONE &&
             (atomic_compare_exchange_strong(&place->stack, &there, at) || there == at))) {
            atomic_fetch_add_explicit(&place->count, 1, memory_order_relaxed);
            return;
        }
    }
    atomic_fetch_add_explicit(&row->elsewhere, 1, memory_order_relaxed);
}

/* What a fork's child finds is of threads that it does not have: it gives back for
 * them, and at no time of theirs. */
static bool is_inherited(const struct holding_copy *was)
{
    return was->flags & CTT_HOLDING_INHERITED ||
           was->acquired_ns < atomic_load_explicit(&inherited_before_ns, memory_order_relaxed);
}

/* A deadline ends its context, whether or not anybody has looked since. CTT_NEVER: it is
 * active. */
static uint64_t end_of(const struct context_copy *context)
{
    const struct context_note *note = note_of(context->id);
    uint64_t deadline = note ? atomic_load(&note->deadline_ns) : CTT_NEVER;
    return deadline < context->ended_ns ? deadline : context->ended_ns;
}

/* What a context's own grace allows is as if it were in time. */
static void declared_late_note(struct releases *row, const struct holding_copy *was,
                               uint64_t ended_ns, uint64_t late_ns)
{
    const struct context_note *note = note_of(was->context);
    if (note && late_ns <= atomic_load(&note->grace_ns))
        return;
    struct lateness *lateness = lateness_at(&row->lateness, was->stack);
    if (!lateness)
        return;
    if (was->acquired_ns > ended_ns)
        lateness_add_acquired_after(lateness);
    else
        lateness_add(lateness, late_ns);
}

static SELDOM void lateness_note(struct releases *row, const struct holding_copy *was)
{
    struct context_copy context;
    if (is_inherited(was) || was->flags & CTT_HOLDING_IGNORED ||
        !context_read(was->context, &context))
        return;
    bool is_declared = context.kind == CTT_CONTEXT_CTX || context.kind == CTT_CONTEXT_SCOPE;
    uint64_t now = clock_since_ns(), ended = is_declared ? end_of(&context) : context.ended_ns;
    if (now < ended)
        return;
    uint64_t late_ns = now - ended;
    uint64_t longest = atomic_load_explicit(&row->late_longest_ns, memory_order_relaxed);
    while (late_ns > longest &&
           !atomic_compare_exchange_weak(&row->late_longest_ns, &longest, late_ns))
        ;
    atomic_fetch_add_explicit(&row->late_total_ns, late_ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&row->late, 1, memory_order_relaxed);
    if (is_declared)
        declared_late_note(row, was, ended, late_ns);
}

/* What a thread gives back in its own context is in time: it has not ended. In one that was
 * declared it may still be at work when that has. */
static bool may_be_late(uint32_t id)
{
    if (id == CONTEXT_PROCESS || id != self.context)
        return id != CONTEXT_PROCESS;
    const struct context *context = context_get(id);
    return context && context->kind != CTT_CONTEXT_THREAD;
}

void release_note(const struct holding_copy *was, uint32_t at)
{
    struct stack_note *note = stack_note(was->stack);
    if (!note)
        return;
    struct releases *row = atomic_load_explicit(&note->releases, memory_order_acquire);
    if (__builtin_expect(!row, 0) && !(row = row_make(note)))
        return;
    if (at != STACK_NONE) {
        atomic_store_explicit(&note->released_stack, at, memory_order_relaxed);
        if (atomic_load_explicit(&row->places[0].stack, memory_order_relaxed) == at)
            atomic_fetch_add_explicit(&row->places[0].count, 1, memory_order_relaxed);
        else
            place_note(row, at);
    } else {
        atomic_fetch_add_explicit(&row->by_themselves, 1, memory_order_relaxed);
    }
    if (may_be_late(was->context))
        lateness_note(row, was);
    stack_mirror_tally(was->stack);
}

void releases_read(uint32_t stack, struct ctt_site *site)
{
    struct stack_note *note = stack_note(stack);
    const struct releases *row = note ? atomic_load(&note->releases) : NULL;
    if (!row)
        return;
    for (unsigned i = 0; i < CTT_SITE_PLACES; i++) {
        site->released_at[i].stack = atomic_load(&row->places[i].stack);
        site->released_at[i].count = atomic_load(&row->places[i].count);
    }
    site->released_elsewhere = atomic_load(&row->elsewhere);
    site->late = atomic_load(&row->late);
    site->late_longest_ns = atomic_load(&row->late_longest_ns);
    site->late_total_ns = atomic_load(&row->late_total_ns);
}

uint32_t releases_count(const struct stack_note *note)
{
    const struct releases *row = atomic_load_explicit(&note->releases, memory_order_acquire);
    if (!row)
        return 0;
    uint32_t count = atomic_load_explicit(&row->by_themselves, memory_order_relaxed) +
                     (uint32_t)atomic_load_explicit(&row->elsewhere, memory_order_relaxed);
    for (unsigned i = 0; i < CTT_SITE_PLACES; i++)
        count += atomic_load_explicit(&row->places[i].count, memory_order_relaxed);
    return count;
}

void stack_mirror_tally_now(uint32_t id)
{
    const struct stack_tally *tally = stack_tally(id);
    struct state_tally *row = tally ? mirror_open(STATE_TALLY, id) : NULL;
    if (!row)
        return;
    uint32_t kind = atomic_load(&stack_note(id)->kind);
    row->site = (struct ctt_site){
        .stack = id,
        .kind = kind ? kind : CTT_KIND_MEMORY,
        .acquired = atomic_load(&tally->acquired),
        .acquired_bytes = atomic_load(&tally->bytes),
        .released_stack = atomic_load(&stack_note(id)->released_stack),
    };
    releases_read(id, &row->site);
    mirror_close(row, 1);
}
