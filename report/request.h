/* SPDX-License-Identifier: MIT */
/*
 * Asking a running tracker for something: check that it can answer, send the
 * signal that works, wait for its announcement to change. Snapshots, marks
 * and switching off differ in the signal's value and in what changes, nothing else.
 */
#ifndef REPORT_REQUEST_H
#define REPORT_REQUEST_H

#include "announce.h"

/* The signal's value tells the tracker what is wanted: any other value, and a
 * plain kill -USR1, is a snapshot. */
enum request_value {
    REQUEST_SNAPSHOT = 0,
    REQUEST_MARK = 0x6d61726b, /* "mark" */
    REQUEST_OFF = 0x6f6666,    /* "off" */
    /* A snapshot with memory judged by what reaches it: "reac". */
    REQUEST_REACH = 0x72656163,
};

struct request {
    pid_t pid;
    enum request_value value;
    const char *dir; /* where the tracker announces; NULL: look for it */
    uint64_t timeout_ns;
};

#define REQUEST_TIMEOUT_NS UINT64_C(10000000000)

/* Returns STATUS_OK with both outputs set, or another exit status after a
 * sentence on stderr. */
int request_make(const struct request *request, struct process_facts *ret_process,
                 struct announcement *ret_answer);

#endif
