/* SPDX-License-Identifier: MIT */
/*
 * D20: a call failed because a limit was reached (EMFILE, ENFILE, EAGAIN, ENOMEM).
 * Who held what at that moment stands with it.
 *
 * What the process holds made it fail, or what others do: a warning where it held
 * something of the sort, and where the memory that it asked for was not more than
 * what it held already; else a note, as where the failure was injected.
 */
#include <errno.h>
#include <stdbool.h>

#include "mishaps.h"

/* A failure that we made says nothing of the program. */
static bool is_injected(const struct report *report, const struct mishap *mishap)
{
    const struct injection *injection;

    DL_FOREACH (report->model->injections, injection) {
        if (injection->failed && injection->error == mishap->error && injection->stack &&
            injection->stack == mishap->stack)
            return true;
    }
    return false;
}

static enum severity severity_of(struct report *report, const struct mishap *mishap)
{
    uint64_t count = mishap->live, bytes = 0;
    const struct holder *holder;

    if (is_injected(report, mishap))
        return SEVERITY_NOTE;
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
