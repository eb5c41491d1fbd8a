/* SPDX-License-Identifier: MIT */
/*
 * A command is run with a pipe to its input and one from its output; the parent closes the ends
 * that it used and not the two that are the child's.
 *
 * seen: dnschneid/crouton#1312 popen2 left the child's ends open in the parent
 * expect: pile-up pipe 32 "run_command < main" severity=warning
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../leaks.h"

enum { READ, WRITE };

NOINLINE static int run_command(void)
{
    int input[2], output[2];
    char byte = 'x';
    pid_t child;

    if (pipe2(input, O_CLOEXEC) || pipe2(output, O_CLOEXEC))
        return -1;
    child = fork();
    if (!child) {
        read(input[READ], &byte, 1);
        write(output[WRITE], &byte, 1);
        _exit(0);
    }
    write(input[WRITE], &byte, 1);
    close(input[WRITE]);
    read(output[READ], &byte, 1);
    close(output[READ]);
    waitpid(child, NULL, 0);
    if (IS_FIXED) {
        close(input[READ]);
        close(output[WRITE]);
    }
    return byte == 'x';
}

int main(void)
{
    int good = 0;

    for (int turn = 0; turn < 16; turn++)
        good += run_command();
    printf("%d good\n", good);
    return 0;
}
