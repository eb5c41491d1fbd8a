/* SPDX-License-Identifier: MIT */
/*
 * What `ctxtrace show ID` is about: one finding, or one thing that the dump lists.
 *
 * A finding goes by the beginning of its id; anything else by a word and a number: fd:7
 * (whatever kind of descriptor it is), stream:0x55550010, thread:4719, process:812,
 * task:3 (or its tid), job:2 (a task that the program declared), context:5.
 */
#ifndef REPORT_SUBJECT_H
#define REPORT_SUBJECT_H

#include "report.h"

/* One of them is not NULL. */
struct subject {
    const struct finding *finding; /* the first of this id: others may have the same */
    const struct holding *holding;
    const struct task *task;
    const struct context *context;
};

/* Returns 0, or -1 after a sentence on stderr that says what there is. */
int subject_find(struct subject *ret_subject, const struct report *report, const char *id);

#endif
