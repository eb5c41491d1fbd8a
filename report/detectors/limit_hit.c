/* SPDX-License-Identifier: MIT */
/*
 * D20: a call failed because a limit was reached (EMFILE, ENFILE, EAGAIN, ENOMEM).
 * Who held what at that moment stands with it.
 *
 * What the process holds made it fail, or what others do: a warning where it held
 * something of the sort, and where the memory that it asked for was not more than
 * what it held already; else a note.
 */
#include <errno.h>

#include "mishaps.h"

static enum severity severity_of(struct report *report, const struct mishap *mishap)
{
    uint64_t count = mishap->live, bytes = 0;
    const struct holder *holder;

    DL_FOREACH (report->model->holders, holder) {
        if (holder->error != mishap->error)
            continue;
        count += holder->count;
        bytes += holder->bytes;
    }
    if (mishap->error == ENOMEM && mishap->wanted > bytes)
        return SEVERITY_NOTE;
    return count ? SEVERITY_WARNING : SEVERITY_NOTE;
}

static void run(struct report *report, const struct detector *self)
{
    mishaps_add(report, self, CTT_MISHAP_LIMIT, severity_of);
}

const struct detector detector_limit_hit = {
    .name = "limit-hit",
    .sentence = "a resource limit was hit",
    .run = run,
};
