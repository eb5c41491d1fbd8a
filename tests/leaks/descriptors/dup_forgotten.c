/* SPDX-License-Identifier: MIT */
/*
 * Output is turned elsewhere for a moment: the copy of standard output that was kept to turn it
 * back is never closed. Twenty times.
 *
 * expect: pile-up fd 20 "save_output < quietly < main" severity=warning
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "../leaks.h"

NOINLINE static int save_output(void)
{
    return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
}

NOINLINE static void quietly(void (*what)(void))
{
    int saved = save_output(), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

    dup2(nowhere, STDERR_FILENO);
    close(nowhere);
    what();
    dup2(saved, STDERR_FILENO);
    if (IS_FIXED)
        close(saved);
}

static void complain(void)
{
    fputs("something is wrong\n", stderr);
}

int main(void)
{
    for (int turn = 0; turn < 20; turn++)
        quietly(complain);
    puts("nobody heard");
    return 0;
}
