/* SPDX-License-Identifier: MIT */
/*
 * The dumps that a run left behind: those of the program and of every process
 * that it started, told by their time and their magic.
 */
#ifndef REPORT_RUN_DUMPS_H
#define REPORT_RUN_DUMPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define RUN_DUMPS_MAX 1000 /* looked at; a run of many small processes has more */

struct run_dumps {
    char **paths;
    size_t count;
    size_t unread; /* beyond RUN_DUMPS_MAX */
    /* By the last dump of each process: */
    size_t processes;
    unsigned long findings;
    unsigned long suppressed; /* by rules of a file or a program */
    bool inconclusive;
    bool degraded;
    /* By the dump that tells of most: calls of what was to fail, and those that did. */
    uint64_t injectable, injected;
};

/* Fills `ret` with what was written to `dir` from `start` on, and judges it. */
void run_dumps_collect(struct run_dumps *ret, const char *dir, const struct timespec *start);
/* As `ctxtrace report --format=…` over all of them. */
int run_dumps_render(const struct run_dumps *dumps, const char *const *formats);
void run_dumps_clear(struct run_dumps *dumps);

#endif
