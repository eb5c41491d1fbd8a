/* SPDX-License-Identifier: MIT */
/*
 * Alternate signal stacks of ours, one for each thread, so that a stack
 * overflow can be reported (hazards.md, facts: fatal signals). The program
 * does not see them: it reads "disabled" until it sets one of its own, which
 * then replaces ours. Pages are touched only when a fatal signal arrives.
 *
 * A handler of the program's with SA_ONSTACK must run where it would without
 * us: on the ordinary stack, while the thread has no alternate one of the
 * program's. So hooks/signal.c keeps SA_ONSTACK back until the program's first
 * sigaltstack; from then on no thread gets one of ours any more.
 */
#ifndef FACTS_ALTERNATE_H
#define FACTS_ALTERNATE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#define ALTERNATE_BYTES (64u << 10) /* the dump is written by a task on another stack */

/* Gives the calling thread one, if it has none yet. */
void alternate_start(void);
/* The thread is about to end: the stack is another thread's from now on. */
void alternate_end(void);

bool alternate_is_ours(const void *base);
/* The program uses alternate stacks itself. */
void alternate_give_up(void);

#endif
