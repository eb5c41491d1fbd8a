/* SPDX-License-Identifier: MIT */
/*
 * D18: a thread that has ended, was joinable, and was never joined or
 * detached: its stack and its descriptor stay until the process ends.
 *
 * While the process runs it may still be joined: whoever waits for a pool's threads one
 * after the other has many that have ended (14 of 20 snapshots of a perl program did).
 * Then it is a note.
 */
#include "rules.h"

static void run(struct report *report, const struct detector *self)
{
    struct holding *holding;

    DL_FOREACH (report->model->holdings, holding) {
        if (holding->kind == CTT_KIND_THREAD && holding_is_blamable(holding) &&
            (holding->flags & CTT_HOLDING_ENDED) && !(holding->flags & CTT_HOLDING_DETACHED))
            finding_add_holding(report, self, holding, uncollected_grade(report),
                                uncollected_severity(report, holding));
    }
}

const struct detector detector_unjoined_thread = {
    .name = "unjoined-thread",
    .sentence = "the thread has ended and was never joined or detached",
    .run = run,
};
