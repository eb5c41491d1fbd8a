/* SPDX-License-Identifier: MIT */
/*
 * A constructor in C that fails in its third step and gives back what the second one made, but not
 * what the first one did.
 *
 * expect: unreachable memory 4 "new_buffer < open_channel < connect_all < main" bytes=1024
 */
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

struct channel {
    char *buffer;
    int number;
};

NOINLINE static char *new_buffer(void)
{
    return malloc(256);
}

NOINLINE static struct channel *new_channel(void)
{
    return calloc(1, sizeof(struct channel));
}

NOINLINE static struct channel *open_channel(int number)
{
    char *buffer = new_buffer();
    struct channel *channel = new_channel();

    if (!channel || number % 2) {
        free(channel);
        if (IS_FIXED)
            free(buffer);
        return NULL;
    }
    channel->buffer = buffer;
    channel->number = number;
    return channel;
}

NOINLINE static int connect_all(void)
{
    int connected = 0;

    for (int number = 0; number < 8; number++) {
        struct channel *channel = open_channel(number);

        if (!channel)
            continue;
        connected++;
        free(channel->buffer);
        free(channel);
    }
    return connected;
}

int main(void)
{
    printf("%d of 8\n", connect_all());
    return 0;
}
