/* SPDX-License-Identifier: MIT */
/*
 * The detectors, in the order in which they may claim a holding.
 */
#include "detector.h"

#define DETECTORS(X)                                                                               \
    X(unjoined_thread)                                                                             \
    X(unreaped_child)                                                                              \
    X(lock_held)                                                                                   \
    X(cleanup_pending)                                                                             \
    X(cleanup_skipped)                                                                             \
    X(task_outlives)                                                                               \
    X(outlives_parent)                                                                             \
    X(acquire_after_cancel)                                                                        \
    X(held_after_cancel)                                                                           \
    X(context_leak)                                                                                \
    X(lost_cancel)                                                                                 \
    X(pile_in_context)                                                                             \
    X(never_ended)                                                                                 \
    X(pile_up)                                                                                     \
    X(held_at_exit)                                                                                \
    X(unreachable)                                                                                 \
    X(growth)                                                                                      \
    X(pile_of_contexts)                                                                            \
    X(late_release)                                                                                \
    X(double_close)                                                                                \
    X(double_free)                                                                                 \
    X(limit_hit)                                                                                   \
    X(closed_behind_owner)                                                                         \
    X(lock_misuse)                                                                                 \
    X(inherited_by_child)                                                                          \
    X(foreign_release)                                                                             \
    X(ignored_result)                                                                              \
    X(failed_write)                                                                                \
    X(release_order)                                                                               \
    X(outcome)                                                                                     \
    X(waitgroup)                                                                                   \
    X(attach_misuse)

#define X(name) extern const struct detector detector_##name;
DETECTORS(X)
#undef X

const struct detector *const detectors[] = {
#define X(name) &detector_##name,
    DETECTORS(X)
#undef X
        NULL,
};

bool detector_is_of_cancel(const struct detector *detector)
{
    return detector == &detector_held_after_cancel || detector == &detector_acquire_after_cancel;
}
