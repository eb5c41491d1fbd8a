/* SPDX-License-Identifier: MIT */
/*
 * The end of the process, by whatever way: one report, then on.
 *
 * A reporter task writes the dump and lets the command make the text
 * (speak.h), while the thread that ends the process waits for it, never longer
 * than the options say. What the program's exit status is stays as it was,
 * unless exitcode= asks otherwise.
 */
#ifndef OUTLETS_ENDING_H
#define OUTLETS_ENDING_H

/* Prepares every outlet and hangs them on notify.h and on_exit. */
void outlets_begin(char **argv, char **envp);

/* From a signal handler with all signals blocked; `ucontext` is what it was given. */
void ending_by_signal(int number, const void *ucontext);

#endif
