/* SPDX-License-Identifier: MIT */
/*
 * D18: children that ended and were never waited for. One or two are how many
 * programs leave; from a few of one stack on it is a habit that ends at
 * RLIMIT_NPROC. Never where the kernel reaps (SIGCHLD ignored, SA_NOCLDWAIT). A note
 * while the process runs: it may be waiting for them one after the other.
 */
#include "tally.h"

enum { UNREAPED_FROM = 4 };

static bool child_is_zombie(const struct report *report, const struct holding *holding)
{
    return holding->kind == CTT_KIND_PROCESS && holding_is_blamable(holding) &&
           (holding->flags & CTT_HOLDING_ENDED) &&
           !(holding->flags & (CTT_HOLDING_REAPLESS | CTT_HOLDING_DETACHED));
}

static void run(struct report *report, const struct detector *self)
{
    struct tally *tally = tally_new(report, child_is_zombie);
    struct holding *holding;

    DL_FOREACH (report->model->holdings, holding) {
        if (child_is_zombie(report, holding) && tally_count(tally, holding) >= UNREAPED_FROM)
            finding_add_holding(report, self, holding, uncollected_grade(report),
                                uncollected_severity(report, holding));
    }
    tally_free(tally);
}

const struct detector detector_unreaped_child = {
    .name = "unreaped-child",
    .sentence = "the child has ended and was never waited for",
    .run = run,
};
