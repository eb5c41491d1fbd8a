/* SPDX-License-Identifier: MIT */
/*
 * The text of the exit report, by the `ctxtrace` command (`at-exit FILE`).
 *
 * The command is the child of a keeper, which is a child with exit signal 0:
 * the program's own waits see neither, and no SIGCHLD comes of it. The command
 * has none of the program's descriptors, default signals, and no LD_PRELOAD in
 * its environment. What it writes comes through a pipe and is
 * passed on to the program's stderr, so that neither a full nor a closed stderr
 * holds anybody up. At the deadline it is killed; should the process die
 * before, the kernel kills it: it never outlives the program.
 */
#ifndef OUTLETS_SPEAK_H
#define OUTLETS_SPEAK_H

#include <stdbool.h>
#include <stdint.h>

/* What `ctxtrace at-exit` ends with. Any other status is a failure. */
enum speak_status {
    SPEAK_FAILED = -1,
    SPEAK_SILENT = 0,
    SPEAK_HELD = 10,
    SPEAK_FINDINGS = 23,
};

/* At the program's start: where the command may be. `named` is CTXTRACE_TOOL
 * or NULL, `library` our own path. */
void speak_start(const char *named, const char *library);

/* From the reporter. `fd` -1: nobody listens. SPEAK_FAILED: there is no command,
 * it failed, or took too long. *ret_spoke: whether anything came of it. */
enum speak_status speak_dump(const char *dump, int fd, uint64_t deadline_ns, bool *ret_spoke);

#endif
