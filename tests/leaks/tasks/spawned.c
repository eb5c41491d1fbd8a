/* SPDX-License-Identifier: MIT */
/*
 * Children that posix_spawn started are children: five that run true, and are left as zombies.
 *
 * expect: unreaped-child process 5 "spawn_tool < main" severity=warning
 */
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

#include "../leaks.h"

NOINLINE static pid_t spawn_tool(void)
{
    char *const words[] = {(char *)"true", NULL};
    pid_t child;

    return posix_spawn(&child, "/bin/true", NULL, NULL, words, NULL) ? -1 : child;
}

int main(void)
{
    for (int number = 0; number < 5; number++) {
        pid_t child = spawn_tool();
        siginfo_t facts;

        /* Until it has ended; without WNOWAIT this would collect it. */
        waitid(P_PID, (id_t)child, &facts, WEXITED | (IS_FIXED ? 0 : WNOWAIT));
    }
    puts("five ran");
    return 0;
}
