/* SPDX-License-Identifier: MIT */
/*
 * popen without pclose: the stream, its descriptor and a child that has ended and is not waited
 * for, five times.
 *
 * expect: held-at-exit stream 5 "ask < main" severity=warning by=unreachable
 */
#include <stdio.h>

#include "../leaks.h"

NOINLINE static int ask(const char *command)
{
    FILE *output = popen(command, "re");
    char line[40] = "";
    int answer = 0;

    if (!output)
        return -1;
    /* To the end of its output, so that it has ended, or is about to. */
    while (fgets(line, sizeof(line), output))
        answer += line[0] - '0';
    if (IS_FIXED)
        pclose(output);
    return answer;
}

int main(void)
{
    int sum = 0;

    for (int turn = 0; turn < 5; turn++)
        sum += ask("echo 3");
    printf("%d\n", sum);
    return 0;
}
