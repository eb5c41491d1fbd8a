/* SPDX-License-Identifier: MIT */
/*
 * Children as holdings: from the call that made them until a wait collects them.
 *
 * A child can be collected before it is entered: a SIGCHLD handler or another
 * thread waits for any pid, and gets one whose fork has not returned yet. A
 * handler may also find the table locked by the very thread that it interrupts.
 * In both cases the pid is left here. Whoever enters a child looks here
 * afterwards, and the collector, having left the pid here, looks into the table
 * again: at least one of the two sees both.
 */
#include "preload/hooks/family.h"

#include <errno.h>

#include "preload/facts/releases.h"

#define EARLY_MAX 64u /* collected and not yet taken out, at one time */

static _Atomic int early[EARLY_MAX];
static _Atomic uint32_t coming; /* children being made right now */

static bool child_take(int pid)
{
    struct holding_copy child;
    return key_take(CTT_KIND_PROCESS, (uint64_t)pid, &child);
}

/* The same by the call that has collected it. */
static bool child_give_back(struct hook *hook, const struct call_site *site, int pid)
{
    struct holding_copy child;
    if (!key_take(CTT_KIND_PROCESS, (uint64_t)pid, &child))
        return false;
    release_note(&child, family_stack(hook, site));
    return true;
}

static bool early_put(int pid)
{
    for (uint32_t i = 0; i < EARLY_MAX; i++) {
        int none = 0;
        if (atomic_compare_exchange_strong(&early[i], &none, pid))
            return true;
    }
    return false;
}

static bool early_take(int pid)
{
    for (uint32_t i = 0; i < EARLY_MAX; i++) {
        int expected = pid;
        if (atomic_compare_exchange_strong(&early[i], &expected, 0))
            return true;
    }
    return false;
}

/* What lies here and is in the table goes from both. What is not in the table
 * was never ours (libc's own children, raw clone) and is forgotten, since its
 * pid may come again, unless a child is being made: it may be that one. */
static void early_settle(void)
{
    for (uint32_t i = 0; i < EARLY_MAX; i++) {
        int pid = atomic_load_explicit(&early[i], memory_order_relaxed);
        if (pid && atomic_compare_exchange_strong(&early[i], &pid, 0) && !child_take(pid) &&
            atomic_load(&coming))
            early_put(pid);
    }
}

void child_coming(void)
{
    if (!atomic_load(&coming))
        early_settle();
    atomic_fetch_add(&coming, 1);
}

void child_acquired(struct hook *hook, const struct call_site *site, int pid,
                    enum holding_detail detail)
{
    if (pid > 0) {
        uint32_t stack = family_stack(hook, site);
        struct holding_copy child = holding_now(CTT_KIND_PROCESS, detail, (uint64_t)pid, stack);
        family_tally(stack, CTT_KIND_PROCESS);
        key_enter(&child);
        if (early_take(pid))
            child_take(pid);
    } else if (pid == -EAGAIN || pid == -ENOMEM) {
        limit_hit(family_stack(hook, site), CTT_KIND_PROCESS, -pid, 0);
    }
    if (atomic_fetch_sub(&coming, 1) == 1)
        early_settle();
}

void child_collected(struct hook *hook, const struct call_site *site, int pid)
{
    if (!child_give_back(hook, site, pid) && early_put(pid) && child_give_back(hook, site, pid))
        early_take(pid);
}

void children_forget(void)
{
    key_drop_kind(CTT_KIND_PROCESS);
    for (uint32_t i = 0; i < EARLY_MAX; i++)
        atomic_store(&early[i], 0);
    atomic_store(&coming, 0);
}
