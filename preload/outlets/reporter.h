/* SPDX-License-Identifier: MIT */
/*
 * The reporter: a task that exists for one job and is gone (design.md 8).
 *
 * It is a raw clone on a stack of ours. It shares the program's memory, so that
 * it reads the tables as they are, but begins by giving itself a descriptor
 * table of its own, empty: whatever it opens neither takes a number from the
 * program nor fails because the program has used up its own (hazards.md B5-B7).
 * All signals are blocked in it. It has no thread pointer of its own, so it may
 * use no thread-local storage and no libc function that does; errno is one.
 *
 * One at a time: the kernel itself clears the busy word when the task is gone
 * (CLONE_CHILD_CLEARTID). Where clone is refused the job runs at once, in the
 * caller, on the same stack.
 */
#ifndef OUTLETS_REPORTER_H
#define OUTLETS_REPORTER_H

#include <stdbool.h>
#include <stdint.h>

/* Once, at the program's start. False: no memory; there will be no reports. */
bool reporter_prepare(void);
/* In a fork child. */
void reporter_forked(void);

/* Whether this is the process that the tracker was started in or knows as a
 * fork's child, and not a vfork child or a raw clone on the same memory. */
bool reporter_is_at_home(void);

/* Runs `job`. `keep_fd`: the one descriptor that it wants to keep, or -1.
 * False: one is running. Async-signal-safe. */
bool reporter_run(void (*job)(void), int keep_fd);
/* For the job itself. */
bool reporter_has_own_fds(void);

/* Waits until no task is running. False: not within `patience_ns`. */
bool reporter_wait(uint64_t patience_ns);
/* A fault on this thread is one of the reporter's: gives the task up, does not
 * return. Returns on every other thread. */
void reporter_faulted(void);

#endif
