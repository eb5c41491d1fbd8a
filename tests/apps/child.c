/* SPDX-License-Identifier: MIT */
/*
 * Five children that ended and that nobody waits for: zombies until we end. One
 * such child is a habit of many programs; four at one place are a mistake.
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILDREN = 5 };

__attribute__((noinline)) static pid_t start_child(void)
{
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    return child;
}

int main(void)
{
    siginfo_t info;

    for (int i = 0; i < CHILDREN; i++) {
        pid_t child = start_child();

        if (child < 0)
            return 1;
        /* WNOWAIT looks without reaping: the child has ended, and is a zombie. */
        if (waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT))
            return 1;
#ifdef FIXED
        waitpid(child, NULL, 0);
#endif
    }
    puts("children ended");
    return 0;
}
