/* SPDX-License-Identifier: MIT */
/*
 * The announcement: `.ctxtrace.PID` in the dump folder tells the command where
 * this process's dumps are, which signals make one, and the last one's number.
 *
 * It is published by the first snapshot or mark, not at the program's start.
 * Thousands of short-lived children would each make a folder and a file (11 us
 * on a local disk, far more on a network one) and leave them behind when they
 * are killed, for nobody: whoever asks for a snapshot finds the tracker in
 * /proc/PID/maps and then waits for this file. Only the reporter task
 * (snapshot.h) writes it.
 */
#ifndef OUTLETS_ANNOUNCE_H
#define OUTLETS_ANNOUNCE_H

#include <stdint.h>

/* The signals that make a snapshot, 0 for none; once, at the start. */
void announce_signals(int first, int second);
/* Writes it. 0 or -errno. */
int announce_publish(void);
/* Removes it, when it was published by this very process. */
void announce_withdraw(void);
/* In a fork child: nothing is published, nothing marked. */
void announce_forked(void);

void announce_set_mark(uint64_t mark_ns);
uint64_t announce_mark_ns(void);
/* Field 22 of /proc/self/stat: with the pid, an identity. */
uint64_t announce_start_ticks(void);

#endif
