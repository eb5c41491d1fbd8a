/* SPDX-License-Identifier: MIT */
/*
 * The one cell of the table that pile-up and held-at-exit share: a descriptor
 * (or a resource of the program's own) held at the end of the process by the process
 * itself or by a thread.
 */
#ifndef REPORT_PROCESS_HELD_H
#define REPORT_PROCESS_HELD_H

#include "rules.h"

static inline bool holding_is_left_at_exit(const struct report *report,
                                           const struct holding *holding)
{
    return model_is_end(report->model) && report->settings.exit_rule != EXIT_DECLARED &&
           holding_is_blamable(holding) && !context_is_declared(holding->context);
}

static inline bool holding_is_held_at_exit(const struct report *report,
                                           const struct holding *holding)
{
    return holding_is_left_at_exit(report, holding) &&
           (kind_is_descriptor(holding->kind) || holding->kind >= CTT_KIND_OWN_FIRST);
}

#endif
