/* SPDX-License-Identifier: MIT */
/*
 * `ctxtrace run --fail-sweep=FUNCTION`: each place that calls the function is made to
 * fail once, one run each, and compared with the run in which none failed.
 */
#ifndef REPORT_FAIL_SWEEP_H
#define REPORT_FAIL_SWEEP_H

#include "launch.h"

/* `launch` is the run without faults; its dumps go to `dir`. Writes a line for each
 * place to stdout, and keeps the dumps of those alone that went wrong. Returns an exit status: 23
 * when a place led to a crash, a hang or a finding. */
int fail_sweep(struct launch *launch, const char *function, const char *dir);

#endif
