/* SPDX-License-Identifier: MIT */
/*
 * The program's stderr, as the way out for our text.
 *
 * No duplicate of it is kept while the program runs: a daemon's starter would
 * wait for it. Programs that close it in their own exit (coreutils) are caught
 * in the act, once exit has begun. What stands at number 2 is written to only
 * if it is what stood there at the start or was put there by a dup2, never a
 * database that happened to get the number (hazards.md B8). Writing gives up
 * at a deadline, with what could not be written counted (B11, B12).
 */
#ifndef OUTLETS_TERMINAL_H
#define OUTLETS_TERMINAL_H

#include <stddef.h>
#include <stdint.h>

/* At the program's start. */
void terminal_start(void);
/* stderr is about to be closed: saved, if it is an exit function that does it. */
void terminal_closing(void);

/* The descriptor to write to, or -1. */
int terminal_fd(void);
/* The one that terminal_closing made, in the program's table; -1: none. */
int terminal_saved(void);
/* All of it, unless the deadline (clock_fine_ns) passes first. From the
 * reporter: SIGPIPE is blocked there. */
void terminal_write(int fd, const char *text, size_t bytes, uint64_t deadline_ns);

/* One line, "ctxtrace: ..." and a newline. `fd` -1: from a live snapshot's job,
 * which has no stderr and borrows the program's. */
void terminal_line(const char *words, int fd);
/* The same: no dump could be written, and why. */
void terminal_complain(int error, int fd);

#endif
