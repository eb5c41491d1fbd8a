/* SPDX-License-Identifier: MIT */
/*
 * exit() has begun. The report itself is an on_exit function, the last of all;
 * by then the program's own exit functions may have closed its stderr
 * (coreutils do), and whoever saves it must know that they are running. A
 * return from main is told by main.c, libc's internal exits by nobody.
 */
#include <stdlib.h>

#include "preload/ground/hook.h"
#include "preload/ground/notify.h"

HOOK(exit);
HOOK_EXPORT __attribute__((noreturn)) void exit(int status)
{
    if (!guard_is_vforked())
        NOTIFY(exiting, status);
    REAL(exit)(status);
    __builtin_unreachable();
}
