/* SPDX-License-Identifier: MIT */
/*
 * Event descriptors in a loop, until there are no numbers left. The report says who had them when
 * the limit was met.
 *
 * expect: limit-hit event 1 "make_event < main" severity=warning
 * expect: pile-up event any "make_event < main" severity=warning
 */
#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../leaks.h"

NOINLINE static int make_event(void)
{
    return eventfd(0, EFD_CLOEXEC);
}

int main(void)
{
    struct rlimit limit = {64, 64};
    int made = 0;

    setrlimit(RLIMIT_NOFILE, &limit);
    for (; made < 200; made++) {
        int fd = make_event();

        if (fd < 0)
            break;
        if (IS_FIXED)
            close(fd);
    }
    puts("done");
    return 0;
}
