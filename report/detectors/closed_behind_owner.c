/* SPDX-License-Identifier: MIT */
/*
 * D25: close(fileno(FILE)), close(dirfd(DIR)): the owner will close the number
 * once more, whoever has it by then.
 */
#include "mishaps.h"

static enum severity severity_of(struct report *report, const struct mishap *mishap)
{
    (void)report;
    (void)mishap;
    return SEVERITY_WARNING;
}

static void run(struct report *report, const struct detector *self)
{
    mishaps_add(report, self, CTT_MISHAP_CLOSED_BEHIND_OWNER, severity_of);
}

const struct detector detector_closed_behind_owner = {
    .name = "closed-behind-owner",
    .sentence = "a descriptor was closed behind the back of what owns it",
    .run = run,
};
