/* SPDX-License-Identifier: MIT */
/*
 * The buffers of the standard streams, lists of exit functions that outgrew their first block, and
 * a stream that a global variable holds: in use until the very end.
 *
 * expect: nothing
 */
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

static FILE *volatile journal;
static int ended;

static void end(void)
{
    ended++;
}

int main(void)
{
    char line[80];

    journal = fopen("/dev/null", "we");
    for (int number = 0; number < 100; number++)
        if (atexit(end))
            return 1;
    if (!journal || fprintf(journal, "started\n") < 0 || !fgets(line, sizeof(line), stdin))
        fputs("nothing to read\n", stdout);
    fputs("warning\n", stderr);
    return 0;
}
