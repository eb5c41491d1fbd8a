/* SPDX-License-Identifier: MIT */
/*
 * Stacks and registers as roots: of each thread from its stack pointer on, since what lies
 * beyond is of functions that have returned, and names what is lost as if it were not.
 *
 * The thread that ends the process is deep in libc's exit functions and in ours by now:
 * its stack counts from the frame that called exit. That is where LeakSanitizer, which
 * starts at its own frame, takes stale slots for pointers.
 */
#ifndef OUTLETS_REACH_STACKS_H
#define OUTLETS_REACH_STACKS_H

struct reach_roots;

void stacks_mark(struct reach_roots *roots);

#endif
