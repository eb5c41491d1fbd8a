/* SPDX-License-Identifier: MIT */
/*
 * A pipe is made for a child's output, and the child cannot be started: the error path closes the
 * end that the parent would read and forgets the one that the child would have written to.
 *
 * valgrind: the program does not leak under it, where posix_spawn tells of no failure
 * expect: pile-up pipe 20 "run_tool < main" severity=warning
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../leaks.h"

NOINLINE static int run_tool(const char *tool)
{
    char *const words[] = {(char *)tool, NULL};
    int output[2];
    pid_t child;

    if (pipe2(output, O_CLOEXEC))
        return -1;
    if (posix_spawn(&child, tool, NULL, NULL, words, NULL)) {
        close(output[0]);
        if (IS_FIXED)
            close(output[1]);
        return -1;
    }
    close(output[0]);
    close(output[1]);
    waitpid(child, NULL, 0);
    return 0;
}

int main(void)
{
    int failed = 0;

    for (int turn = 0; turn < 20; turn++)
        failed += run_tool("/no/such/tool") < 0;
    printf("%d failed\n", failed);
    return 0;
}
