/* SPDX-License-Identifier: MIT */
/*
 * A loop that frees at the end of its body, with a continue before it for what is to be skipped.
 *
 * seen: kentonv/kvmonitor#4 a packet was taken in each turn, and emptied but not freed
 * expect: unreachable memory 3 "next_packet < drain < main"
 */
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

struct packet {
    int stream;
    char data[90];
};

NOINLINE static struct packet *next_packet(int number)
{
    struct packet *packet = malloc(sizeof(*packet));

    if (packet)
        packet->stream = number % 3;
    return packet;
}

NOINLINE static int drain(void)
{
    int used = 0;

    for (int number = 0; number < 9; number++) {
        struct packet *packet = next_packet(number);

        if (packet && packet->stream == 1) {
            if (IS_FIXED)
                free(packet);
            continue;
        }
        used++;
        free(packet);
    }
    return used;
}

int main(void)
{
    printf("%d\n", drain());
    return 0;
}
