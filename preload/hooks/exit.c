/* SPDX-License-Identifier: MIT */
/*
 * The doors out that run no exit functions, and quick_exit, which runs its own
 * list of them. The child of a vfork passes through alone: its parent lives on
 * in the same memory.
 */
#include <stdlib.h>
#include <unistd.h>

#include "preload/hooks/family.h"

#define ENDS(function)                                                                             \
    HOOK(function);                                                                                \
    HOOK_EXPORT __attribute__((noreturn)) void function(int status)                                \
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
HOOK_EXPORT __attribute__((noreturn)) void quick_exit(int status)
{
    quick_exit_coming(status);
    REAL(quick_exit)(status);
    __builtin_unreachable();
}
