/* SPDX-License-Identifier: MIT */
/*
 * The frame that ended the process: where a scan of the exiting thread's stack begins.
 *
 * Below it lie frames that are done with, and ours; what is left in them still points to
 * blocks that nobody has any more. So the hooks of exit, _exit, _Exit, quick_exit and exec
 * note, before anything else, their caller's stack pointer and the registers that a
 * callee keeps (hooks/exit_x86_64.S). When main returns no hook is passed, nor is one when
 * libc calls exit for the program (err, error, argp_usage): departure_by_return tells the
 * two apart.
 *
 * A thread writes its own slot; anybody may read, also in a frozen copy of the process.
 */
#ifndef FACTS_DEPARTURE_H
#define FACTS_DEPARTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/facts/unwind.h"

/* hooks/exit_x86_64.S fills it. */
struct departure {
    uint32_t tid;
    uintptr_t sp;           /* right above the return address */
    uintptr_t registers[6]; /* rbx rbp r12 r13 r14 r15, as the caller had them */
};

/* By the thread that departs. The last one wins; with one from an exit function before it
 * the earlier frame lies further out. When too many threads depart it is counted. */
void departure_note(const struct departure *departure);
/* It goes on after all (exec failed): what was noted before is valid again. */
void departure_forget(void);
/* False: `tid` has not departed by a hook, or is at it this very moment. */
bool departure_read(uint32_t tid, struct departure *ret_departure);

/* In a fork child, whose only thread was `tid` in the parent. */
void departure_forked(uint32_t tid);

/* Once, at the start, on the main thread: everything of main's frames lies below `sp`,
 * and what called main lies above. */
void departure_main_begins(uintptr_t sp);
uintptr_t departure_main_sp(void); /* 0: main has not begun */

/*
 * From a function that libc's exit calls, with that function's own call site: how did the
 * thread come to exit, when not by a hook?
 *
 * True: main (or the thread's function) has returned; *ret_sp lies above all of its frames.
 * False: libc called exit on its behalf, or the stack cannot be walked. *ret_sp is then
 * that of the call site itself, so that libc's own frames are scanned along: the
 * registers of the program's frames may be saved in any of them and nowhere else.
 */
bool departure_by_return(const struct call_site *from, uintptr_t *ret_sp);

#endif
