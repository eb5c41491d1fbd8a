/* SPDX-License-Identifier: MIT */
/*
 * What libc and the loader acquire inside a call of the program's is theirs: a buffer of
 * stdio, the locale, the list of name services, a thread's arena. They keep it for the
 * process, whichever context happened to be active. A few functions acquire for their caller
 * instead (strdup, getline); those are named here, and what is not named is libc's.
 */
#ifndef REPORT_LIBC_OWN_H
#define REPORT_LIBC_OWN_H

#include "made_once.h"
#include "rules.h"

bool holding_is_libcs(struct model *model, const struct holding *holding);

/* Whether the end of its context says anything of it: neither judged apart (rules.h), nor a
 * declared task's thread, nor libc's own, nor made once for all. What is lost is lost, whoever
 * acquired it. */
static inline bool holding_goes_with_context(struct report *report, const struct holding *holding)
{
    return !kind_is_judged_apart(holding->kind) && !holding_is_of_task(report, holding) &&
           (holding_is_lost(holding) || !(holding_is_libcs(report->model, holding) ||
                                          holding_is_made_once(report->model, holding)));
}

#endif
