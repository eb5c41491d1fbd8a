/* SPDX-License-Identifier: MIT */
/*
 * Tasks and cleanups that a program declares with libctx, and what it does wrong with it.
 *
 * A pending cleanup is a holding of the thread that registered it: acquired when it was
 * registered, given back when it has run. So a dump tells what had not run, whose it was
 * and where it was registered, as it does of every resource.
 */
#include "preload/hooks/declared.h"

#include "preload/books/keytable.h"
#include "preload/books/mishap.h"
#include "preload/facts/context.h"
#include "preload/facts/job.h"
#include "preload/facts/releases.h"
#include "preload/facts/stack.h"
#include "preload/ground/guard.h"
#include "preload/hooks/family.h"

#define CLEANUP_FRAMES 40u /* of a deeper stack the function that it calls is not told */

static uint64_t number_of(const void *object)
{
    return (uint64_t)(uintptr_t)object;
}

/* ---- tasks ---- */

uint32_t declared_task_begun(uint32_t context, const char *name, const void *serves,
                             const void *site_pc)
{
    if (!declared_may_tell())
        return 0;
    struct call_site site = CALL_SITE();
    task_self();
    return job_begin(context_get(context) ? context : CONTEXT_PROCESS, name, number_of(serves),
                     declared_stack(&site, site_pc));
}

void declared_task_ended(uint32_t task)
{
    if (declared_may_tell())
        job_end(task);
}

uint32_t declared_task_entered(uint32_t task)
{
    return declared_may_tell() ? job_enter(task) : 0;
}

void declared_task_blocked(uint32_t task, const char *why, const void *object)
{
    if (declared_may_tell())
        job_blocked(task, why, number_of(object));
}

/* ---- cleanups ---- */

/* What it calls stands where the function that acquires does in other stacks. */
static uint32_t cleanup_stack(const struct call_site *site, const void *fn, const void *site_pc)
{
    uint64_t pcs[CLEANUP_FRAMES];
    enum ctt_cut cut = CTT_CUT_NONE;
    uint32_t stack = declared_stack(site, site_pc);
    size_t count = stack_pcs(stack, pcs, CLEANUP_FRAMES, &cut);
    bool is_whole = count > 1 && count < CLEANUP_FRAMES;
    return is_whole ? stack_intern(pcs + 1, count - 1, cut, fn) : stack;
}

void declared_cleanup_registered(const void *entry, const void *fn, const void *site_pc)
{
    if (!declared_may_tell())
        return;
    struct call_site site = CALL_SITE();
    uint32_t stack = cleanup_stack(&site, fn, site_pc);
    struct holding_copy holding =
        holding_now(CTT_KIND_CLEANUP, DETAIL_NONE, number_of(entry), stack);
    family_tally(stack, CTT_KIND_CLEANUP);
    key_enter(&holding);
}

void declared_cleanup_over(const void *entry, int how)
{
    struct holding_copy was;
    if (!declared_may_tell() || !key_take(CTT_KIND_CLEANUP, number_of(entry), &was))
        return;
    if (how != CTXTRACE_ATTACH_SKIPPED) {
        release_note(&was, STACK_NONE);
        return;
    }
    struct call_site site = CALL_SITE();
    mishap_note((struct ctt_mishap){.id = CTT_MISHAP_CLEANUP_SKIPPED,
                                    .kind = CTT_KIND_CLEANUP,
                                    .handle = was.handle,
                                    .context = was.context,
                                    .stack = declared_stack(&site, NULL),
                                    .acquired_stack = was.stack});
}

/* ---- WaitGroups that were not done when a wait ended ---- */

/* Most come to their end a little later, and then nothing was wrong. Of one that there is no
 * room for nothing is said. */
#define UNDONE_KEPT 1024u
static struct undone {
    _Atomic uint64_t group; /* 0: free */
    struct ctt_mishap fact;
} undone[UNDONE_KEPT];

static void undone_note(struct ctt_mishap fact)
{
    uint32_t from = (uint32_t)(fact.handle / sizeof(uint64_t)), i = 0;
    for (uint64_t none = 0; i < UNDONE_KEPT; i++, none = 0)
        if (atomic_compare_exchange_strong(&undone[(from + i) % UNDONE_KEPT].group, &none,
                                           UINT64_MAX))
            break;
    if (i == UNDONE_KEPT)
        return;
    struct undone *row = &undone[(from + i) % UNDONE_KEPT];
    row->fact = fact;
    mishap_note(fact);
    atomic_store(&row->group, fact.handle);
}

/* All that was said of it. */
static void undone_take_back(uint64_t group)
{
    uint32_t from = (uint32_t)(group / sizeof(uint64_t));
    for (uint32_t i = 0; i < UNDONE_KEPT; i++) {
        struct undone *row = &undone[(from + i) % UNDONE_KEPT];
        uint64_t is_its = group;
        struct ctt_mishap fact = row->fact; /* believed only if the row was the group's */
        if (atomic_load(&row->group) == group &&
            atomic_compare_exchange_strong(&row->group, &is_its, 0))
            mishap_take_back(fact);
    }
}

/* ---- misuse ---- */

static bool is_known(int what)
{
    return what >= CTT_MISHAP_LOST_CANCEL && what <= CTT_MISHAP_RECOVERED_NONE;
}

void declared_misused(int what, const void *object, uint32_t context, uint64_t count,
                      const void *site_pc)
{
    struct context_copy about = {.created_stack = STACK_NONE};
    if (!declared_may_tell() || !is_known(what))
        return;
    if (what == CTT_MISHAP_WAITGROUP_UNDONE && count == 0) {
        undone_take_back(number_of(object));
        return;
    }
    struct call_site site = CALL_SITE();
    context_read(context, &about);
    void (*note)(struct ctt_mishap fact) =
        what == CTT_MISHAP_WAITGROUP_UNDONE ? undone_note : mishap_note;
    note((struct ctt_mishap){.id = (uint32_t)what,
                             .kind = CTT_KIND_CONTEXT,
                             .handle = number_of(object),
                             .context = about.id,
                             .live = count,
                             .stack = declared_stack(&site, site_pc),
                             .acquired_stack = about.created_stack});
}
