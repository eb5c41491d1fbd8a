/* SPDX-License-Identifier: MIT */
/*
 * What a fork does to the books.
 *
 * The work is done by libc's fork handlers: they also run for the forks inside
 * libc (daemon, forkpty), and as the first that were registered ours run last
 * before the fork and first after it, next to libc's own (hazards.md C2). The
 * key table is held over the fork, so that the child finds it whole; the other
 * tables have no locks.
 *
 * The child is a process of its own: what its parent held it holds too, but has
 * inherited it and is never blamed; threads and children stay with the parent.
 */
#include <pthread.h>

#include "preload/books/holders.h"
#include "preload/books/openings.h"
#include "preload/books/own_kinds.h"
#include "preload/books/ranges.h"
#include "preload/books/sweep.h"
#include "preload/facts/departure.h"
#include "preload/facts/job.h"
#include "preload/facts/lateness.h"
#include "preload/facts/series.h"
#include "preload/facts/task.h"
#include "preload/facts/thread_stacks.h"
#include "preload/ground/guard.h"
#include "preload/ground/mirror.h"
#include "preload/ground/sample.h"
#include "preload/ground/sys.h"
#include "preload/hooks/family.h"

void fork_prepare(void)
{
    openings_before_fork();
    keys_before_fork();
    ranges_before_fork();
}

void fork_parent(void)
{
    ranges_after_fork();
    keys_after_fork();
    openings_after_fork();
}

void fork_child(void)
{
    mirror_forked(); /* before anything is written that the parent would read */
    ranges_after_fork();
    keys_after_fork();
    openings_after_fork();
    self.vforked = 0;           /* a fork in the child of a vfork has memory of its own */
    departure_forked(self.tid); /* still the one of the parent */
    thread_stacks_forked();
    task_forked();
    jobs_forked();
    sample_forked();
    lateness_forked();
    series_forked();
    int limit = fd_limit();
    for (int fd = 0; fd < limit; fd++)
        fd_set_flags(fd, CTT_HOLDING_INHERITED, 0);
    key_mark_kind(CTT_KIND_STREAM, CTT_HOLDING_INHERITED);
    key_mark_kind(CTT_KIND_DIR, CTT_HOLDING_INHERITED);
    key_mark_kind(CTT_KIND_HANDLE, CTT_HOLDING_INHERITED);
    key_mark_kind(CTT_KIND_MODULE, CTT_HOLDING_INHERITED);
    key_mark_kind(CTT_KIND_KEY, CTT_HOLDING_INHERITED);
    key_mark_kind(CTT_KIND_IPC, CTT_HOLDING_INHERITED);
    key_mark_kind(CTT_KIND_CLEANUP, CTT_HOLDING_INHERITED);
    for (uint32_t i = 0; i < own_kinds(); i++)
        key_mark_kind(CTT_KIND_OWN_FIRST + i, CTT_HOLDING_INHERITED);
    ranges_inherit();
    key_drop_kind(CTT_KIND_THREAD);
    key_drop_kind(CTT_KIND_LOCK);  /* by other threads, or by a tid that is another here */
    key_drop_kind(CTT_KIND_TIMER); /* timer_create(2): not inherited */
    children_forget();
    mishaps_forget();
    holders_forget();
    closes_forgive();
    sweep_forked();
    atomic_store(&inherited_before_ns, clock_since_ns());
    atomic_store(&is_fork_child, true);
    NOTIFY(forked);
}

void fork_watch(void)
{
    static _Atomic int watched;
    if (!atomic_exchange(&watched, 1))
        pthread_atfork(fork_prepare, fork_parent, fork_child);
}
