/* SPDX-License-Identifier: MIT */
/*
 * The sweep: finds dropped contexts that nothing is held by, and gives their
 * slots back. Acquiring and releasing know nothing of it.
 */
#ifndef BOOKS_SWEEP_H
#define BOOKS_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

/* Called by whoever is about to make a context, where no signal handler may be
 * (in pthread_create, say, and not where a thread is first met in malloc).
 * Does nothing when there is enough room, when another thread is at it, or
 * while a snapshot reads. */
void sweep_if_due(void);

/* A snapshot's: while it reads, the contexts that its holdings name stay. The
 * hold passes by itself, should the snapshot never come to its end. */
void sweep_hold(void);
void sweep_let_go(void);

/* In a fork child: who swept there is not here. */
void sweep_forked(void);

#endif
