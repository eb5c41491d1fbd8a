/* SPDX-License-Identifier: MIT */
/*
 * Six children do a little work and end. The parent sees them end, reads what they said,
 * and collects none.
 *
 * expect: unreaped-child process 6 "start_child < main" severity=warning
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../leaks.h"

NOINLINE static pid_t start_child(const int *output, char name)
{
    pid_t child = fork();

    if (!child) {
        write(output[1], &name, 1);
        _exit(0);
    }
    return child;
}

int main(void)
{
    int output[2], sum = 0;
    siginfo_t facts;

    if (pipe2(output, O_CLOEXEC))
        return 1;
    for (int number = 0; number < 6; number++) {
        pid_t child = start_child(output, 'a');

        /* Until it has ended; without WNOWAIT this would collect it. */
        waitid(P_PID, (id_t)child, &facts, WEXITED | (IS_FIXED ? 0 : WNOWAIT));
    }
    close(output[1]);
    for (char name; read(output[0], &name, 1) == 1;)
        sum += name == 'a';
    close(output[0]);
    printf("%d children\n", sum);
    return 0;
}
