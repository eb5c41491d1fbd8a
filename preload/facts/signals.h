/* SPDX-License-Identifier: MIT */
/*
 * Signals, twice: what the program set, and what the kernel has.
 *
 * The tracker puts handlers of its own (trigger, fatal signals) where the
 * program's disposition is the default one. What the program reads back is
 * always what it would be without us; when it sets a disposition of its own,
 * that one goes to the kernel and ours is gone, and comes back when it sets
 * SIG_DFL again (hazards.md D2; CPython installs KeyboardInterrupt only if it
 * reads SIG_DFL). Alternate stacks of ours are hidden in the same way.
 *
 * The claims are shared by hooks/signal.c (the program's side) and
 * outlets/trigger.c, outlets/fatal.c (ours); neither knows the other. Two
 * threads that set one signal's disposition at once race as they do without us.
 */
#ifndef FACTS_SIGNALS_H
#define FACTS_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#define SIGNALS_MAX   65
#define SIGNALS_ALL   UINT64_MAX
#define SIGNAL_BIT(n) (UINT64_C(1) << ((n)-1))

/* The kernel's struct sigaction (not libc's): for raw rt_sigaction. */
struct kernel_sigaction {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
};

/* Raw rt_sigaction; 0 or -errno. Adds our restorer where `set` has none. */
int signals_kernel(int number, const struct kernel_sigaction *set,
                   struct kernel_sigaction *ret_old);
/* Raw rt_sigprocmask. Returns the mask that was in force. */
uint64_t signals_mask(int how, uint64_t mask);
/* Whether a handler of the program's would run here and now if `mask` were in
 * force. Of what is blocked the kernel keeps also what nobody handles, and the
 * next request of ours. */
bool signals_pending(uint64_t mask);

typedef void (*signals_handler)(int number, siginfo_t *info, void *ucontext);

/* Wants `number` for our handler, now and whenever the program's disposition
 * is SIG_DFL. All signals are blocked while it runs. True: ours is what the
 * kernel calls from now on. False: the program, or its parent by SIG_IGN, has
 * the signal; nothing was changed. */
bool signals_claim(int number, signals_handler handler, unsigned long flags);
/* Sets it to the real SIG_DFL and wants it no more. */
void signals_yield(int number);
/* Whether our handler is what the kernel calls. */
bool signals_ours(int number);

/* Requests are made by these: a set of SIGNAL_BITs. Then those of them that are
 * ours now. */
void signals_requests_by(uint64_t set);
uint64_t signals_requests(void);

/* Whether one has ever come, here or in what this program replaces or is a copy of. */
void signals_request_came(void);
bool signals_request_ever_came(void);

/* The variable that names, in hexadecimal, the signals that whoever started this
 * program has blocked so that a request waits for the tracker (report/launch.c,
 * hooks/exec.h); with the mark behind it, since requests came before. */
#define SIGNALS_SHIELD      "CTXTRACE_UNBLOCK"
#define SIGNALS_SHIELD_MARK '+'
/* Unblocks `set`. Whatever of it waits for nobody's handler is dropped before. */
void signals_unshield(uint64_t set);

/* ---- the program's side ---- */

/* Whether `handler`, as the kernel told it, is the stand-in for SIG_DFL. */
bool signals_is_stand_in(int number, const void *handler);
/* What to give the kernel instead of SIG_DFL; false: SIG_DFL itself. */
bool signals_stand_in(int number, struct kernel_sigaction *ret_action);
/* What the program believes about a signal that our handler stands in for. */
struct kernel_sigaction signals_seen(int number);
void signals_see(int number, const struct kernel_sigaction *seen);

#endif
