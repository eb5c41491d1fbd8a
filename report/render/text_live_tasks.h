/* SPDX-License-Identifier: MIT */
/*
 * The tasks of a running program with their live stacks, as text.
 */
#ifndef REPORT_TEXT_LIVE_TASKS_H
#define REPORT_TEXT_LIVE_TASKS_H

#include <stdio.h>

#include "../live_stacks.h"
#include "../report.h"

struct live_view {
    const struct report *report;
    const struct live_stacks *stacks;
    bool tracked;       /* the model is that of a snapshot: it knows the tasks */
    bool silent;        /* there is a tracker, but no snapshot could be had */
    const char *tracer; /* "gdb (pid 4711)"; NULL: nobody traces it */
    bool no_stacks;
    pid_t tid; /* this one alone; 0: all */
};

void render_live_tasks(const struct live_view *view, FILE *out);

#endif
