/* SPDX-License-Identifier: MIT */
/*
 * A dump of all the books into one .ctt file (preload/format.h).
 *
 * Written by one task at a time (snapshot.h sees to that), with raw system
 * calls, no thread-local storage and no libc state, beside running threads: a
 * holding is told only if it was there before the dump began and still is when
 * it is read. Memory beyond one static buffer is mapped for the dump and
 * unmapped after it.
 */
#ifndef OUTLETS_DUMP_H
#define OUTLETS_DUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/format.h"

struct reach_place;

struct dump_request {
    enum ctt_trigger trigger;
    int signal;        /* trigger signal or fatal */
    int exit_code;     /* trigger exit; else -1 */
    const char *cause; /* trigger limit or periodic: which condition was met */
    uint32_t tid;      /* the thread whose descriptor table is told, alive */
    /* It is ending the process, and was here when it began to: NULL: it is not. */
    const struct reach_place *place;
    bool reaches; /* judge memory by what reaches it: reach.h */
};

/* Writes one dump into the folder. 0, or -errno: no file under its name. */
int dump_write(const struct dump_request *request);
/* The last one's path, "" when there was none. Removed again by dump_forget
 * (an exit report that had nothing to say). */
const char *dump_path(void);
void dump_forget(void);

#endif
