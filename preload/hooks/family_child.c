/* SPDX-License-Identifier: MIT */
/*
 * Children as holdings: from the call that made them until a wait collects them.
 *
 * A child can be gone before the call that made it returns: a SIGCHLD handler
 * or another thread waits for any pid and gets this one. Its pid is then noted
 * here by the collector, and whoever is about to enter it finds it. Either side
 * first writes its own table and then looks into the other's, so at least one
 * of them sees both.
 */
#include "preload/hooks/family.h"

#define EARLY_MAX 64u /* collected before they were entered, at one time */

static _Atomic int early[EARLY_MAX];
static _Atomic uint32_t coming;

void child_coming(void)
{
    atomic_fetch_add(&coming, 1);
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

/* Nobody is about to enter a child: what lies here belongs to no one (children
 * that libc made for itself, or clone), and its pid may come again. */
static void early_forget(void)
{
    for (uint32_t i = 0; i < EARLY_MAX; i++)
        atomic_store(&early[i], 0);
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
            key_take(CTT_KIND_PROCESS, (uint64_t)pid, &child);
    }
    if (atomic_fetch_sub(&coming, 1) == 1)
        early_forget();
}

void child_collected(int pid)
{
    struct holding_copy child;
    if (key_take(CTT_KIND_PROCESS, (uint64_t)pid, &child) || !atomic_load(&coming))
        return;
    if (early_put(pid) && key_take(CTT_KIND_PROCESS, (uint64_t)pid, &child))
        early_take(pid);
}

void children_forget(void)
{
    key_drop_kind(CTT_KIND_PROCESS);
    early_forget();
    atomic_store(&coming, 0);
}
