/* SPDX-License-Identifier: MIT */
/*
 * Everything that was dropped, refused, torn or not understood has a named
 * counter here, and every counter that is not zero is in the dump. Adding one
 * is one row: a LOSS makes the report degraded, since something that was held
 * may not be in it; a FACT does not.
 */
#ifndef GROUND_HEALTH_H
#define GROUND_HEALTH_H

#include <stdatomic.h>
#include <stdint.h>

#define HEALTH_COUNTERS(X)                                                                         \
    X(arena_refused, LOSS, "memory of the tracker's refused, by max_memory= or by the kernel")     \
    X(arena_untracked, FACT, "arena chunks beyond the table that knows them")                      \
    X(blocks_dropped, LOSS, "memory blocks not recorded: no room")                                 \
    X(blocks_replaced, FACT, "memory blocks found where another was still recorded")               \
    X(frees_unknown, FACT, "free() of a block that was never recorded")                            \
    X(fds_beyond_table, LOSS, "descriptors too large for the table")                               \
    X(fd_releases_missed, FACT, "descriptors acquired over one still recorded")                    \
    X(graves_missed, FACT, "frees not kept for double frees: another was being written there")     \
    X(openings_dropped, LOSS, "openings of one library not recorded: 65535 are")                   \
    X(keys_dropped, LOSS, "streams, threads, children not recorded: no room")                      \
    X(ranges_dropped, LOSS, "mappings not recorded: no room")                                      \
    X(ranges_in_motion, FACT, "listings of mappings that changed all the time")                    \
    X(ranges_replaced, FACT, "mappings acquired over one still recorded")                          \
    X(books_contended, LOSS,                                                                       \
      "table updates given up: lock held by an interrupted or forked owner")                       \
    X(stacks_overflowed, LOSS, "stacks not interned: table full")                                  \
    X(stacks_reentered, FACT, "stacks not captured: capture interrupted by a signal")              \
    X(stacks_cut_depth, FACT, "stacks cut at stack_depth")                                         \
    X(stacks_cut_no_module, FACT, "stacks cut at code outside every module")                       \
    X(stacks_cut_no_cfi, FACT, "stacks cut at code without unwind information")                    \
    X(stacks_cut_rule, FACT, "stacks cut at an unwind rule that is not understood")                \
    X(stacks_cut_bounds, FACT, "stacks cut at the edge of a stack")                                \
    X(stacks_cut_full, FACT, "stacks cut because the recipe table was full")                       \
    X(recipes, FACT, "unwind recipes compiled")                                                    \
    X(recipes_unkept, FACT, "unwind recipes compiled but not kept: table full")                    \
    X(unwind_verified, FACT, "stacks compared by verify=unwind")                                   \
    X(unwind_differed, FACT, "stacks on which the two unwinders differed")                         \
    X(modules_dropped, LOSS, "modules beyond the table")                                           \
    X(contexts_dropped, LOSS, "contexts not recorded: no room")                                    \
    X(notes_dropped, FACT, "contexts without their name, cause and trace: no room")                \
    X(contexts_made, FACT, "contexts made")                                                        \
    X(contexts_ended, FACT, "contexts that have ended")                                            \
    X(contexts_reclaimed, FACT, "ended contexts forgotten: nothing was held by them")              \
    X(context_sweeps, FACT, "searches for ended contexts that nothing is held by")                 \
    X(tasks_dropped, LOSS, "tasks not recorded: no room")                                          \
    X(jobs_dropped, FACT, "tasks that the program declared, not recorded: 65535 are")              \
    X(own_kinds_dropped, FACT, "resources of more than 64 kinds of the program's own")             \
    X(dependencies_dropped, FACT, "dependencies of the program's, not recorded: no room")          \
    X(touches_replaced, FACT, "hints on a resource given up for a newer one's: no room")           \
    X(departures_dropped, FACT, "ends of the process whose calling frame was not noted: no room")  \
    X(thread_stacks_dropped, FACT, "stacks of threads not recorded: no room, or not found")        \
    X(roots_dropped, FACT, "root ranges of the program's not recorded: 1024 are")                  \
    X(reasons_merged, FACT, "reasons to ignore beyond 63, told as one")                            \
    X(mishaps_dropped, LOSS, "mishaps not recorded: no room")                                      \
    X(releases_dropped, FACT, "releases not told by their place: too many different stacks")       \
    X(lateness_dropped, FACT, "late releases not told by how late: too many different stacks")     \
    X(series_dropped, FACT, "stacks whose live count is not followed: too many of them")           \
    X(early_calls, FACT, "hooked calls before the program's start")                                \
    X(injections_unlisted, FACT, "calls with injected faults from places beyond the table")        \
    X(hooks_missing, FACT, "hooked functions that this libc does not have")                        \
    X(listings_missing, LOSS, "dumps for which the kernel listed no descriptors")                  \
    X(listing_cut, LOSS, "holdings not listed one by one: max_listed")                             \
    X(groups_dropped, LOSS, "memory blocks not told: too many different stacks")                   \
    X(reach_failed, FACT, "times that memory could not be judged by what reaches it")              \
    X(snapshots, FACT, "snapshots written")                                                        \
    X(snapshots_failed, FACT, "snapshots that could not be written")                               \
    X(snapshots_inline, FACT, "snapshots written without a reporter task")                         \
    X(snapshots_busy, FACT, "snapshot requests while another was being written")                   \
    X(reporter_faults, FACT, "reporter tasks that ran into a fault and were given up")             \
    X(reporter_waits_expired, FACT, "waits for a running reporter given up")                       \
    X(output_dropped, FACT, "bytes of the exit report that stderr did not take")                   \
    X(render_failed, FACT, "exit reports made without the ctxtrace command")                       \
    X(waits_resumed, FACT, "interrupted waits gone on with after our own signal")                  \
    X(preloads_stripped, FACT, "programs started without the tracker: other libc or class")        \
    X(calls_forbidden, FACT, "system calls not made: the program's seccomp filter forbids them")   \
    X(state_rows_lost, FACT, "acquisitions not in the state file: no room, or a filter forbids")   \
    X(options_unknown, FACT, "options not understood")

enum health_counter {
#define X(name, weight, help) HEALTH_##name,
    HEALTH_COUNTERS(X)
#undef X
        HEALTH_COUNT
};

extern _Atomic uint64_t health_counts[HEALTH_COUNT];
extern const char *const health_names[HEALTH_COUNT];
/* The help of a LOSS, NULL for a FACT. */
extern const char *const health_losses[HEALTH_COUNT];

static inline void health_add(enum health_counter c, uint64_t n)
{
    atomic_fetch_add_explicit(&health_counts[c], n, memory_order_relaxed);
}
#define HEALTH(name) health_add(HEALTH_##name, 1)

#endif
