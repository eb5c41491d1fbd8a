/* SPDX-License-Identifier: MIT */
/*
 * The file by which a tracker says that it is there: `.ctxtrace.PID` in its
 * dump folder, text, one key=value a line. It is written by the first snapshot or
 * mark, rewritten by each further one, and removed at exit.
 *
 * Folders such as /tmp/ctxtrace-UID are guessable, so a file is believed only
 * when it belongs to the process's own user (or root), and only when it names
 * the start time of the process that now has the pid.
 */
#ifndef REPORT_ANNOUNCE_H
#define REPORT_ANNOUNCE_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "process_facts.h"

#define ANNOUNCE_PREFIX  ".ctxtrace."
#define ANNOUNCE_SIGNALS 2

struct announcement {
    char dir[PATH_MAX];  /* where it was found */
    char file[PATH_MAX]; /* the last dump; "" before the first */
    char version[32];
    pid_t pid;
    uint64_t start_ticks;
    int signals[ANNOUNCE_SIGNALS]; /* still the tracker's; 0: the program took it */
    uint64_t sequence;             /* of the last dump; 0 before the first */
    uint64_t mark_ns;              /* CTT_NEVER before the first mark */
    uint64_t off_ns;               /* when it was switched off; CTT_NEVER: it was not */
};

/* Reads the announcement of `process` in `dir`. Returns 0, or 1 when there is
 * none that may be believed. */
int announcement_read(struct announcement *ret, const char *dir,
                      const struct process_facts *process);

/* Looks for it: `dir` when given, else the folders that the process's
 * environment names, else the defaults. Returns as announcement_read(). */
int announcement_find(struct announcement *ret, const char *dir,
                      const struct process_facts *process);

/* Opens the announced dump for reading when it is a file of the process's
 * user. Returns a descriptor or a negative errno. */
int announcement_open_dump(const struct announcement *announcement,
                           const struct process_facts *process);

#endif
