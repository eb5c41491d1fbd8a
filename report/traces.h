/* SPDX-License-Identifier: MIT */
/*
 * Requests that cross processes: which trace ids occur in which of the dumps that are shown
 * together, and what of each is still held there.
 */
#ifndef REPORT_TRACES_H
#define REPORT_TRACES_H

#include "report.h"

/* Of one trace in one process. */
struct trace_part {
    const struct report *report;
    uint64_t contexts, held;
    unsigned findings; /* errors and warnings */
    const struct finding *last_finding;
    struct trace_part *next;
};

struct trace {
    const char *id;
    struct trace_part *parts, *last_part; /* in the order of the dumps */
    unsigned processes, findings;
    uint64_t contexts, held;
    UT_hash_handle hh;
};

/* Traces of more than one process, or with findings; those in most processes first. */
struct traces {
    struct pool *pool;
    struct trace *table;
};

struct traces *traces_new(void);
/* Each process once; its report must live as long. */
void traces_add(struct traces *traces, const struct report *report);
/* Leaves the telling ones, in order. */
void traces_finish(struct traces *traces);
struct traces *traces_free(struct traces *traces);

/* NULL: the process has no part in it. */
const struct trace_part *trace_part_of(const struct trace *trace, const struct report *report);

#endif
