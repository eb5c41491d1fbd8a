/* SPDX-License-Identifier: MIT */
/*
 * The state file from its making to its end (option state=; preload/state.h).
 *
 * Made by a reporter task, so that no descriptor of the program's is touched: at the
 * start, before main; in a fork's child later, at an occasion, since most of them exec at
 * once. Taken away when the process ends, and by the next image after an exec: its dump,
 * or its silence, says more. What is left in the folder was killed, or says what it was.
 */
#ifndef OUTLETS_STATE_H
#define OUTLETS_STATE_H

#include <stdbool.h>

#include "preload/state.h"

/* At the program's start: waits until the file is there. */
void state_start(void);
/* In a fork's child, whose parent's file is none of its business. */
void state_forked(void);
/* Whether a file is still to be made, and it is time to. */
bool state_is_due(void);
/* For the reporter: makes it then, unless it would take the program's descriptors. */
void state_look(bool has_own_fds);

/* What becomes of the process: the file says so, since it may not be possible to take it
 * away (a folder that is another user's, a chroot). It goes, unless it has more to tell
 * than a dump that could not be written. */
void state_withdraw(enum state_over over);
/* An exec is about to come. The next image will take the file away, if it is followed by a
 * tracker; else it goes now, and does not come back when the exec fails. */
void state_before_exec(bool is_followed);
void state_after_exec(void);

#endif
