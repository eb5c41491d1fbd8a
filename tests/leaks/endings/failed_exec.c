/* SPDX-License-Identifier: MIT */
/*
 * An exec that fails, and a program that goes on: what it had prepared for the new one is lost.
 *
 * expect: unreachable memory 1 "build_environment < start < main" parts=2
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../leaks.h"

NOINLINE static char **build_environment(void)
{
    char **environment = calloc(3, sizeof(*environment));

    if (!environment)
        exit(1);
    environment[0] = strdup("PATH=/usr/bin:/bin");
    environment[1] = strdup("LANG=C");
    return environment;
}

NOINLINE static int start(const char *program)
{
    char *const words[] = {(char *)program, NULL};
    char **environment = build_environment();

    execve(program, words, environment);
    for (int each = 0; IS_FIXED && each < 2; each++)
        free(environment[each]);
    if (IS_FIXED)
        free(environment);
    return -1;
}

int main(void)
{
    printf("%d\n", start("/no/such/program"));
    return 0;
}
