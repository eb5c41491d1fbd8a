/* SPDX-License-Identifier: MIT */
/*
 * The detectors, in the order in which they may claim a holding.
 */
#include "detector.h"

#define DETECTORS(X)                                                                               \
    X(unjoined_thread)                                                                             \
    X(unreaped_child)                                                                              \
    X(lock_held)                                                                                   \
    X(held_after_cancel)                                                                           \
    X(never_ended)                                                                                 \
    X(pile_up)                                                                                     \
    X(held_at_exit)                                                                                \
    X(unreachable)                                                                                 \
    X(double_close)                                                                                \
    X(double_free)                                                                                 \
    X(limit_hit)                                                                                   \
    X(closed_behind_owner)                                                                         \
    X(lock_misuse)                                                                                 \
    X(inherited_by_child)                                                                          \
    X(foreign_release)                                                                             \
    X(ignored_result)                                                                              \
    X(failed_write)

#define X(name) extern const struct detector detector_##name;
DETECTORS(X)
#undef X

const struct detector *const detectors[] = {
#define X(name) &detector_##name,
    DETECTORS(X)
#undef X
        NULL,
};
