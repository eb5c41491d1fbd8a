/* SPDX-License-Identifier: MIT */
/*
 * Two ends of a channel to a filter program; when the terminal cannot be set up, the error paths
 * close one of them.
 *
 * seen: linux-pam/linux-pam#829 fd[0] stays open in error paths of pam_filter
 * expect: pile-up socket 20 "open_ends < set_filter < main" severity=warning
 */
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "../leaks.h"

NOINLINE static int open_ends(int *ends)
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
}

NOINLINE static int set_filter(void)
{
    struct termios mode;
    int ends[2];

    if (open_ends(ends))
        return -1;
    if (tcgetattr(ends[1], &mode)) {
        close(ends[1]);
        if (IS_FIXED)
            close(ends[0]);
        return -1;
    }
    close(ends[0]);
    close(ends[1]);
    return 0;
}

int main(void)
{
    int failed = 0;

    for (int turn = 0; turn < 20; turn++)
        failed += set_filter() < 0;
    printf("%d failed\n", failed);
    return 0;
}
