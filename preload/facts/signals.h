/* SPDX-License-Identifier: MIT */
/*
 * Signals, twice: what the program set, and what the kernel has.
 *
 * The tracker installs handlers of its own (trigger, fatal signals) while the
 * program's disposition is the default one. What the program reads back is
 * always what it would be without us, and when it sets a disposition of its
 * own that one goes to the kernel and ours is gone (hazards.md D2; CPython
 * installs KeyboardInterrupt only if it reads SIG_DFL). Alternate stacks of
 * ours are hidden in the same way.
 *
 * This table is shared by hooks/signal.c (the program's side) and
 * outlets/trigger.c, outlets/fatal.c (ours); neither knows the other.
 */
#ifndef FACTS_SIGNALS_H
#define FACTS_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#define SIGNALS_MAX 65

/* The kernel's struct sigaction (not libc's): for raw rt_sigaction. */
struct kernel_sigaction {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
};

/* Raw rt_sigaction; 0 or -errno. Adds the restorer itself. */
int signals_kernel(int number, const struct kernel_sigaction *set,
                   struct kernel_sigaction *ret_old);

/* Installs our handler for `number` if its disposition is SIG_DFL now, and
 * remembers that the program still sees SIG_DFL. False: the program (or its
 * parent, by SIG_IGN) has it; nothing was changed. */
bool signals_claim(int number, void (*handler)(int, siginfo_t *, void *), unsigned long flags);
/* Gives it back to SIG_DFL. */
void signals_yield(int number);
/* Whether our handler is what the kernel calls. */
bool signals_ours(int number);
/* The program sets `number` itself: it is the program's from now on, until it
 * sets SIG_DFL again, upon which ours comes back (`reclaim`). */
void signals_program_took(int number);

#endif
