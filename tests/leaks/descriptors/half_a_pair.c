/* SPDX-License-Identifier: MIT */
/*
 * socketpair for a child that is not needed any more: one end is closed, the other one was stored
 * in a structure that was freed.
 *
 * expect: pile-up socket 20 "open_channel < use_channel < main" severity=warning
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../leaks.h"

struct channel {
    int ends[2];
};

NOINLINE static struct channel *open_channel(void)
{
    struct channel *channel = malloc(sizeof(*channel));

    if (!channel || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel->ends))
        exit(1);
    return channel;
}

NOINLINE static int use_channel(void)
{
    struct channel *channel = open_channel();
    int sent = (int)send(channel->ends[0], "x", 1, MSG_NOSIGNAL);

    close(channel->ends[0]);
    if (IS_FIXED)
        close(channel->ends[1]);
    free(channel);
    return sent;
}

int main(void)
{
    int sent = 0;

    for (int turn = 0; turn < 20; turn++)
        sent += use_channel();
    printf("%d\n", sent);
    return 0;
}
