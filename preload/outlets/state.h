/* SPDX-License-Identifier: MIT */
/*
 * The state file from its making to its end (option state=; preload/state.h).
 *
 * Made by a reporter task, so that no descriptor of the program's is touched: at the
 * start, before main; in a fork's child later, at an occasion, since most of them exec at
 * once. Taken away when the process ends or becomes another program: its dump, or its
 * silence, says more. What is left in the folder was killed.
 */
#ifndef OUTLETS_STATE_H
#define OUTLETS_STATE_H

#include <stdbool.h>

/* At the program's start: waits until the file is there. */
void state_start(void);
/* In a fork's child, whose parent's file is none of its business. */
void state_forked(void);
/* Whether a file is still to be made, and it is time to. */
bool state_is_due(void);
/* For the reporter: makes it then, unless it would take the program's descriptors. */
void state_look(bool has_own_fds);

/* The process ends, execs or is switched off: the file goes. */
void state_withdraw(void);
/* The exec failed: there will be another. */
void state_return(void);

#endif
