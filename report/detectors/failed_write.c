/* SPDX-License-Identifier: MIT */
/*
 * A write or close that lost data (EIO, ENOSPC, EDQUOT, EFBIG). A note: what the program
 * did about it cannot be seen (ignored_result.c), and whoever misses data wants to know
 * where it went.
 */
#include <errno.h>

#include "mishaps.h"

static enum severity severity_of(struct report *report, const struct mishap *mishap)
{
    (void)report;
    (void)mishap;
    return SEVERITY_NOTE;
}

/* A close may also fail otherwise: EINTR, or what a socket has met before. */
static bool loses_data(const struct mishap *mishap)
{
    return mishap->error == EIO || mishap->error == ENOSPC || mishap->error == EDQUOT ||
           mishap->error == EFBIG;
}

static void run(struct report *report, const struct detector *self)
{
    mishaps_add(report, self, CTT_MISHAP_FAILED_WRITE, severity_of);
    mishaps_add_some(report, self, CTT_MISHAP_FAILED_CLOSE, severity_of, loses_data);
}

const struct detector detector_failed_write = {
    .name = "failed-write",
    .sentence = "data was not written",
    .run = run,
};
