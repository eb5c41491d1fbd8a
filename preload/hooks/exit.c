/* SPDX-License-Identifier: MIT */
/*
 * The doors out. Every one begins in exit_x86_64.S, which tells `departing` whose frame
 * it was and goes on here: exit with libc's own, whose exit functions end with the
 * report; _exit and _Exit, which run none; and quick_exit, which runs its own list of
 * them. The child of a vfork passes through alone: its parent lives on in the same
 * memory.
 */
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "preload/facts/departure.h"
#include "preload/ground/sys.h"
#include "preload/hooks/family.h"

_Static_assert(offsetof(struct departure, sp) == 8 && offsetof(struct departure, registers) == 16 &&
                   sizeof(struct departure) == 64,
               "in the stub");
_Static_assert(offsetof(struct hook, real) == 8, "HOOK_REAL in the stub");

/* From the stub, before anything else. */
void departing(struct departure *from);
void departing(struct departure *from)
{
    if (!tracker_watching() || guard_is_vforked())
        return;
    from->tid = self.tid ? self.tid : (uint32_t)sys_gettid();
    departure_note(from);
}

HOOK(exit);

/* The stub does not know the real function yet. */
__attribute__((noreturn)) void exit_looked_for(int status);
void exit_looked_for(int status)
{
    REAL(exit)(status);
    __builtin_unreachable();
}

#define ENDS(function)                                                                             \
    HOOK(function);                                                                                \
    __attribute__((noreturn)) void departing_##function(int status);                               \
    void departing_##function(int status)                                                          \
    {                                                                                              \
        if (!guard_is_vforked())                                                                   \
            NOTIFY(ending, status);                                                                \
        REAL(function)(status);                                                                    \
        __builtin_unreachable();                                                                   \
    }

ENDS(_exit)
ENDS(_Exit)

/* The report is the last on quick_exit's list: what the program registered
 * there may still give things back. The list's functions are not told the
 * status, so it is noted here. */
static _Atomic int quick_status;

static void quick_exit_over(void)
{
    if (!guard_is_vforked())
        NOTIFY(ending, atomic_load(&quick_status));
}

void exit_watch(void)
{
    at_quick_exit(quick_exit_over);
}

void quick_exit_coming(int status)
{
    if (!guard_is_vforked())
        atomic_store(&quick_status, status);
}

HOOK(quick_exit);
__attribute__((noreturn)) void departing_quick_exit(int status);
void departing_quick_exit(int status)
{
    quick_exit_coming(status);
    REAL(quick_exit)(status);
    __builtin_unreachable();
}
