/* SPDX-License-Identifier: MIT */
/*
 * setenv copies, and never frees what it replaces, since somebody may have it from getenv: libc
 * keeps all of it in a tree. putenv takes the program's own string. Both are no leaks.
 *
 * valgrind: false, libc gives back the list of variables before it looks
 * expect: nothing
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

int main(void)
{
    char value[40];

    for (int number = 0; number < 10; number++) {
        snprintf(value, sizeof(value), "value-%d", number);
        if (setenv("CTXTRACE_LEAK_TEST", value, 1))
            return 1;
    }
    if (putenv(strdup("CTXTRACE_LEAK_OTHER=one")))
        return 1;
    unsetenv("CTXTRACE_LEAK_TEST");
    puts(getenv("CTXTRACE_LEAK_OTHER"));
    return 0;
}
