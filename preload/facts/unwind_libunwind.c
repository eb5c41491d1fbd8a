/* SPDX-License-Identifier: MIT */
/*
 * Opened with RTLD_LOCAL, so that its _Unwind_* stay out of the program's sight
 * (hazards.md 0.6), and only from the program's start, where dlopen is safe.
 * unw_backtrace keeps its own cache of rules and is the one entry of libunwind
 * that is fast; it needs a large stack, which a small signal stack is not.
 */
#include "preload/facts/unwind_libunwind.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>

#include "preload/facts/unwind_bounds.h"
#include "preload/facts/unwind_recipe.h"
#include "preload/ground/guard.h"
#include "preload/ground/health.h"

#define LIBUNWIND     "libunwind.so.8"
#define STACK_NEEDED  (UINT64_C(64) << 10) /* measured: 7 KiB, and a handler's more */
#define OWN_FRAMES    16u                  /* of the tracker, inside the call site */
#define SCRATCHES     64u
#define SCRATCH_DEPTH (ROOM_WALK_DEPTH + OWN_FRAMES)

typedef int backtrace_function(void **pcs, int max);

_Atomic(unwind_walker *) unwind_other_walker;

static backtrace_function *backtrace_of_libunwind;

/* Taken for the time of one walk; neither the stack nor the thread's room has
 * space for a second set of pcs. */
static struct scratch {
    _Atomic bool busy;
    void *pcs[SCRATCH_DEPTH];
} scratches[SCRATCHES];

static struct unwind_difference differences[UNWIND_DIFFERENCES];
static _Atomic uint32_t difference_count;

const struct unwind_difference *unwind_difference_get(uint32_t n)
{
    uint32_t count = atomic_load(&difference_count);
    return n < count && n < UNWIND_DIFFERENCES ? &differences[n] : NULL;
}

static struct scratch *scratch_take(void)
{
    for (unsigned i = 0; i < SCRATCHES; i++) {
        bool expected = false;
        if (atomic_compare_exchange_strong(&scratches[i].busy, &expected, true))
            return &scratches[i];
    }
    return NULL;
}

static bool stack_is_large(uintptr_t sp)
{
    struct room_range stack;
    return bounds_find(sp, &stack) && sp - stack.low >= STACK_NEEDED;
}

/* libunwind's pcs from the call site on; *ret_pcs points into the scratch. */
static size_t theirs_walk(struct scratch *scratch, const struct call_site *site, void ***ret_pcs)
{
    int saved_errno = errno;
    uintptr_t inside = self.inside;
    if (!inside)
        self.inside = GUARD_FRAME();
    int count = backtrace_of_libunwind(scratch->pcs, SCRATCH_DEPTH);
    self.inside = inside;
    errno = saved_errno;
    int skip = 0;
    while (skip < count && (uintptr_t)scratch->pcs[skip] != site->pc)
        skip++;
    *ret_pcs = scratch->pcs + skip;
    return (size_t)(count - skip);
}

/* Gives plain addresses their modules and exact bits. */
static void pcs_dress(void **plain, size_t count, uint64_t *pcs)
{
    bool exact = false;
    for (size_t i = 0; i < count; i++) {
        struct recipe r = {.how = RECIPE_NONE};
        recipe_find((uintptr_t)plain[i], exact, &pcs[i], &r);
        exact = r.how == RECIPE_SIGNAL;
        if (exact)
            pcs[i] |= CTT_PC_EXACT;
    }
}

static size_t libunwind_walk(const struct call_site *site, uint64_t *pcs, size_t max,
                             enum ctt_cut *ret_cut)
{
    struct scratch *scratch = stack_is_large(site->sp) ? scratch_take() : NULL;
    if (!scratch)
        return unwind_walk_recipes(site, pcs, max, ret_cut);
    void **theirs;
    size_t count = theirs_walk(scratch, site, &theirs);
    *ret_cut = count > max ? CTT_CUT_DEPTH : CTT_CUT_NONE;
    if (count > max)
        count = max;
    pcs_dress(theirs, count, pcs);
    atomic_store(&scratch->busy, false);
    return count ? count : unwind_walk_recipes(site, pcs, max, ret_cut);
}

static void difference_keep(const uint64_t *ours, size_t ours_count, enum ctt_cut cut,
                            void **theirs, size_t theirs_count, size_t at)
{
    uint32_t n = atomic_fetch_add(&difference_count, 1);
    if (n >= UNWIND_DIFFERENCES)
        return;
    struct unwind_difference *d = &differences[n];
    *d = (struct unwind_difference){
        (uint32_t)at, (uint32_t)ours_count, (uint32_t)theirs_count, cut, {0}, {0}};
    for (size_t i = 0; i < ours_count && i < UNWIND_DIFFERENCE_DEPTH; i++)
        d->ours[i] = ours[i];
    for (size_t i = 0; i < theirs_count && i < UNWIND_DIFFERENCE_DEPTH; i++)
        d->theirs[i] = (uintptr_t)theirs[i];
}

/* A stack that ours had to cut is compared as far as it goes. */
static void walks_compare(const uint64_t *ours, size_t ours_count, enum ctt_cut cut, void **theirs,
                          size_t theirs_count)
{
    size_t at = 0;
    while (at < ours_count && at < theirs_count &&
           CTT_PC_ADDRESS(ours[at]) == CTT_PC_ADDRESS((uintptr_t)theirs[at]))
        at++;
    HEALTH(unwind_verified);
    if (at == ours_count && (cut != CTT_CUT_NONE || at == theirs_count))
        return;
    HEALTH(unwind_differed);
    difference_keep(ours, ours_count, cut, theirs, theirs_count, at);
}

static size_t verified_walk(const struct call_site *site, uint64_t *pcs, size_t max,
                            enum ctt_cut *ret_cut)
{
    size_t count = unwind_walk_recipes(site, pcs, max, ret_cut);
    struct scratch *scratch = stack_is_large(site->sp) ? scratch_take() : NULL;
    if (scratch) {
        void **theirs;
        size_t theirs_count = theirs_walk(scratch, site, &theirs);
        walks_compare(pcs, count, *ret_cut, theirs, theirs_count);
        atomic_store(&scratch->busy, false);
    }
    return count;
}

bool unwind_verifies(void)
{
    return atomic_load_explicit(&unwind_other_walker, memory_order_relaxed) == verified_walk;
}

int unwind_use_libunwind(int verify)
{
    uintptr_t inside = self.inside;
    self.inside = GUARD_FRAME();
    void *library = dlopen(LIBUNWIND, RTLD_NOW | RTLD_LOCAL);
    if (library)
        backtrace_of_libunwind = (backtrace_function *)dlsym(library, "unw_backtrace");
    /* The first walk sets up its tables. */
    void *warm[2];
    if (backtrace_of_libunwind)
        backtrace_of_libunwind(warm, 2);
    self.inside = inside;
    if (!backtrace_of_libunwind)
        return -1;
    atomic_store(&unwind_other_walker, verify ? verified_walk : libunwind_walk);
    return 0;
}
