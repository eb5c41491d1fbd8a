/* SPDX-License-Identifier: MIT */
/*
 * Starting a program as `ctxtrace run` does: with the tracker in its
 * environment, with early requests kept instead of fatal, and with a launcher
 * that behaves towards its caller as the program itself would.
 */
#ifndef REPORT_LAUNCH_H
#define REPORT_LAUNCH_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct launch {
    char **argv;         /* NULL-terminated; argv[0] is searched in PATH */
    const char *options; /* becomes CTXTRACE_OPTIONS */
    const char *library; /* becomes part of LD_PRELOAD; NULL: no preload */
    const char *first;   /* a sanitizer's runtime that must precede it, or NULL */
    const char *faults;  /* rules of --fail, ';' between them; NULL: none */
    const char *trigger; /* the option signal=, or NULL */
    bool quiet;          /* a process group of its own, and no terminal: /dev/null */
    uint64_t limit_ns;   /* killed, with its group, after so long; 0: never */
    bool certain;        /* the tracker will be there, to unblock its signals */
};

/* Where the tracker is: CTXTRACE_LIB, beside the command, or the bare soname
 * for the loader to find. Returns false for the last. */
bool library_find(char ret_path[PATH_MAX]);

/* Runs it to its end. Returns 0 with the wait status in *ret_status, or a
 * negative errno when it could not be started; -ETIME: killed by `limit_ns`. */
int launch_and_wait(const struct launch *launch, pid_t *ret_pid, int *ret_status);

/* The exit status that stands for a wait status: for a program that a signal
 * killed this does not return, the launcher dies of the same. */
int launch_status(int wait_status);

#endif
