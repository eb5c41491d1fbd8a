/* SPDX-License-Identifier: MIT */
/*
 * Walking a stack: return addresses from a call site outwards.
 *
 * The contract that each unwind_*.c implements. Nothing outside those files
 * knows the machine's registers or frame layout.
 */
#ifndef FACTS_UNWIND_H
#define FACTS_UNWIND_H

#include <stddef.h>
#include <stdint.h>

#include "preload/format.h"

/* Where a hook was called from: the caller's pc, sp and frame pointer as they
 * are right after the call returns. The library is built with frame pointers,
 * so that a hook can read the caller's from its own frame. */
struct call_site {
    uintptr_t pc;
    uintptr_t sp;
    uintptr_t fp;
};

#if defined(__x86_64__)
#define CALL_SITE()                                                                                \
    ((struct call_site){(uintptr_t)__builtin_return_address(0),                                    \
                        (uintptr_t)__builtin_frame_address(0) + 16,                                \
                        *(uintptr_t *)__builtin_frame_address(0)})
#else
#error "a CALL_SITE for this machine"
#endif

/* [low, high) of a stack that this thread is known to own. */
struct stack_bounds {
    uintptr_t low;
    uintptr_t high;
};

/*
 * Fills pcs[] with at most `max` values as in CTT_STACK (address, module id,
 * exact bit), pcs[0] being the call site's own pc. Returns how many; *ret_cut
 * says why it ended (CTT_CUT_NONE: at the outermost frame). Never faults, never
 * allocates, never takes a lock, makes no system call but to learn the bounds
 * of a stack it has not seen (cached per thread), keeps errno.
 */
size_t unwind_walk(const struct call_site *site, uint64_t *pcs, size_t max, enum ctt_cut *ret_cut);

/* The thread's own stack, told by whoever knows it (main's by the start-up
 * code, a thread's by its creator's attributes). Optional: an unknown stack is
 * looked up in /proc/self/maps once. */
void unwind_set_bounds(struct stack_bounds bounds);

/* Option unwind=libunwind, verify=unwind. Called once from the program's start,
 * the only place where a dlopen is safe. 0, or -1 when libunwind is not there. */
int unwind_use_libunwind(int verify);

/* Nothing to do after fork or dlclose: tables are insert-only, and recipes die
 * with their module (module.h). */

#endif
