/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that the process still holds when it ends. The kernel closes
 * them, and many sound programs leave some by habit: a note, unless the
 * option exit=all asks for valgrind's view, or nobody but libc's own list
 * knows the stream any more.
 */
#include "process_held.h"

static enum severity holding_severity(const struct report *report, const struct holding *holding)
{
    if (report->settings.exit_rule == EXIT_ALL)
        return SEVERITY_WARNING;
    if (holding->flags & CTT_HOLDING_LIBC_ONLY)
        return forgotten_severity(report, holding);
    return SEVERITY_NOTE;
}

static void run(struct report *report, const struct detector *self)
{
    struct holding *holding;

    DL_FOREACH (report->model->holdings, holding) {
        if (holding_is_held_at_exit(report, holding))
            finding_add_holding(report, self, holding, GRADE_PROVED,
                                holding_severity(report, holding));
    }
}

const struct detector detector_held_at_exit = {
    .name = "held-at-exit",
    .sentence = "still held when the process ended",
    .run = run,
};
