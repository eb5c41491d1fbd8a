/* SPDX-License-Identifier: MIT */
/*
 * Which contexts are no longer named, found out by looking everywhere.
 *
 * The worst that could happen is a holding that names a slot in which another
 * context has come to live: it would be blamed on a context that never had it.
 * So this is what must not be overlooked, and why it is not:
 *
 *  1. Only a context that its source has dropped is a candidate, and the
 *     candidates are listed first. From then on no thread comes to be in it
 *     (context.h), so it may be named only by what stood somewhere before.
 *  2. Threads that are still in it are looked at next (task->active, and
 *     task->context of a thread that shares its creator's). A thread that left
 *     it before we looked has entered all that it acquired in it, since leaving
 *     comes after that in its own order: the books show it in step 3.
 *     A thread's own context is left by the thread itself before it is dropped,
 *     and the frames of a hook that has loaded it are gone by then: a handler
 *     that ends the thread in the middle of a hook does not return to it.
 *  3. The books are scanned last: blocks, descriptors, keys, mappings, mishaps. An entry
 *     stays where it is from its acquisition to its release, so that a scan
 *     passes it once and finds it, with one exception: a release that fails
 *     (realloc, dup2, join) puts it back where it was taken out. Hence
 *  4. two sweeps in a row must have found the context unnamed. One entry that
 *     is out at just two moments, of sweeps that are thousands of contexts
 *     apart, and a hook's frame that is suspended for as long (a handler on top
 *     of it runs on for minutes, a coroutine switches stacks in a handler) are
 *     what remains. Then
 *  5. the entry names an id that is none any more, because the slot's next
 *     context has another (context.h): the report tells it with a context that
 *     is not known, and blames nobody. For the same id to come back the slot
 *     must be used 2048 times, twice as many sweeps, and
 *  6. a slot that any entry names by any of its ids is not given back: marks
 *     are by slot. So an entry that names nothing stops its slot from ever
 *     getting there.
 *
 * Ancestors of what is named are named too: the report tells of them. A parent
 * goes before its child only where the child was made in the middle of a sweep
 * and is itself named by nothing.
 *
 * There is no lock: one compare-and-exchange makes a thread the sweeper, the
 * others go on and take fresh slots, and the parent's context where there are
 * none. Asynchronous signals wait, because a handler that leaves by siglongjmp
 * would leave the sweeper's mark behind.
 *
 * The work is bounded by SWEEP_SHARE looks for each context made: a long table
 * or ledger is looked through as much less often as it takes longer.
 */
#include "preload/books/sweep.h"

#include <stdatomic.h>
#include <signal.h>
#include <string.h>

#include "preload/books/fdtable.h"
#include "preload/books/keytable.h"
#include "preload/books/ledger.h"
#include "preload/books/mishap.h"
#include "preload/books/ranges.h"
#include "preload/facts/context.h"
#include "preload/facts/job.h"
#include "preload/facts/signals.h"
#include "preload/facts/task.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"

#define SWEEP_LEAST 16384u /* contexts made from one sweep to the next, at least */
#define SWEEP_SHARE 16u    /* entries and slots looked at for each of them */
#define SWEEPS_IDLE 2u     /* that found a context unnamed: it is reclaimed */
#define HOLD_NS     UINT64_C(60000000000)
#define WORD_BITS   64u

/* Faults of our own are treated here as they are elsewhere. */
#define SYNCHRONOUS                                                                                \
    (SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGFPE) |          \
     SIGNAL_BIT(SIGTRAP))

static _Atomic int sweeping;
static _Atomic uint64_t due_at = SWEEP_LEAST; /* contexts asked for by then */
static _Atomic uint64_t held_until_ns;

/* Of the sweep that is running. One bit for each slot. */
static uint64_t named[CONTEXT_SLOTS / WORD_BITS];
static uint64_t candidates[CONTEXT_SLOTS / WORD_BITS];
static uint64_t looks;

static bool bit_test(const uint64_t *bits, uint32_t i)
{
    return bits[i / WORD_BITS] >> i % WORD_BITS & 1;
}

static void bit_set(uint64_t *bits, uint32_t i)
{
    bits[i / WORD_BITS] |= UINT64_C(1) << i % WORD_BITS;
}

/* ---- naming ---- */

/* The slot, whichever of its contexts is meant, and all above it. */
static void name_slot(uint32_t id)
{
    while (id != CONTEXT_NONE && !bit_test(named, CONTEXT_SLOT(id))) {
        struct context_copy copy;
        bit_set(named, CONTEXT_SLOT(id));
        const struct context *c = context_slot(CONTEXT_SLOT(id));
        uint32_t now = c ? atomic_load_explicit(&c->id, memory_order_acquire) : CONTEXT_NONE;
        id = context_read(now, &copy) ? copy.parent : CONTEXT_NONE;
    }
}

static void candidates_list(uint32_t slots)
{
    memset(named, 0, (slots / WORD_BITS + 1) * sizeof *named);
    memset(candidates, 0, (slots / WORD_BITS + 1) * sizeof *candidates);
    for (uint32_t slot = CONTEXT_PROCESS; slot < slots; slot++) {
        const struct context *c = context_slot(slot);
        uint32_t id = c ? atomic_load_explicit(&c->id, memory_order_acquire) : CONTEXT_NONE;
        if (id == CONTEXT_NONE)
            continue;
        if (atomic_load_explicit(&c->kept, memory_order_acquire))
            name_slot(id);
        else
            bit_set(candidates, slot);
    }
    looks += slots;
}

static void name_by_tasks(void)
{
    uint32_t slots = task_slots();
    for (uint32_t slot = 0; slot < slots; slot++) {
        const struct task *task = task_slot(slot);
        if (!task)
            continue;
        name_slot(atomic_load(&task->active));
        name_slot(atomic_load(&task->context));
    }
    looks += slots;
    struct job_copy job;
    for (uint32_t slot = 1; slot < job_slots(); slot++)
        if (job_read(slot, &job))
            name_slot(job.context);
}

static void name_by_block(const struct block *block, void *unused)
{
    (void)unused;
    looks++;
    name_slot(block->context);
}

static void name_by_holding(const struct holding_copy *holding, void *unused)
{
    (void)unused;
    looks++;
    name_slot(holding->context);
}

static void name_by_books(void)
{
    struct holding_copy holding;
    struct ctt_mishap mishap;
    ledger_scan(name_by_block, NULL);
    int limit = fd_limit();
    for (int fd = 0; fd < limit; fd++)
        if (fd_read(fd, &holding))
            name_by_holding(&holding, NULL);
    key_scan(name_by_holding, NULL);
    range_scan(name_by_holding, NULL);
    for (uint32_t i = 0; mishap_read(i, &mishap); i++)
        name_slot(mishap.context);
}

/* ---- giving back ---- */

/* A candidate stays one, and its slot its own, until it is reclaimed here. */
static void judge(uint32_t slots)
{
    for (uint32_t slot = CONTEXT_PROCESS; slot < slots; slot++) {
        if (!bit_test(candidates, slot))
            continue;
        struct context *c = context_slot(slot);
        c->idle = bit_test(named, slot) ? 0 : c->idle + 1;
        if (c->idle == SWEEPS_IDLE)
            context_reclaim(c);
    }
}

static void sweep(void)
{
    uint32_t slots = context_slots();
    looks = 0;
    candidates_list(slots);
    name_by_tasks();
    name_by_books();
    judge(slots);
    HEALTH(context_sweeps);
    uint64_t pause = looks / SWEEP_SHARE;
    atomic_store(&due_at, context_asked() + (pause > SWEEP_LEAST ? pause : SWEEP_LEAST));
}

static bool is_held(void)
{
    uint64_t until = atomic_load(&held_until_ns);
    return until && clock_coarse_ns() < until;
}

void sweep_if_due(void)
{
    if (__builtin_expect(!context_none_free() || context_asked() < atomic_load(&due_at), 1))
        return;
    if (is_held() || atomic_load(&sweeping))
        return;
    int idle = 0;
    uint64_t mask = signals_mask(SIG_BLOCK, ~SYNCHRONOUS);
    if (atomic_compare_exchange_strong(&sweeping, &idle, 1)) {
        sweep();
        atomic_store(&sweeping, 0);
    }
    signals_mask(SIG_SETMASK, mask);
}

void sweep_hold(void)
{
    atomic_store(&held_until_ns, clock_coarse_ns() + HOLD_NS);
}

void sweep_let_go(void)
{
    atomic_store(&held_until_ns, 0);
}

/* Half a sweep has changed nothing: counts of idle sweeps and slots are written
 * by judge alone, from marks that were complete. */
void sweep_forked(void)
{
    atomic_store(&sweeping, 0);
    sweep_let_go();
    context_forked();
}
