/* SPDX-License-Identifier: MIT */
/*
 * Four nodes that refer to each other in a ring. Each is pointed to, none is reached: whoever
 * counts references sees nothing, and one of the four has to stand for the ring.
 *
 * lsan: four indirect leaks and no direct one
 * valgrind: one lost block, the other three as its parts
 * expect: unreachable memory 4 "add_station < build_line < ride < main" bytes=96 whole
 */
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

struct station {
    struct station *next, *previous;
    int number;
};

NOINLINE static struct station *add_station(int number)
{
    struct station *station = calloc(1, sizeof(*station));

    if (!station)
        exit(1);
    station->number = number;
    return station;
}

NOINLINE static struct station *build_line(int length)
{
    struct station *first = add_station(0), *last = first;

    for (int number = 1; number < length; number++) {
        last->next = add_station(number);
        last->next->previous = last;
        last = last->next;
    }
    last->next = first;
    first->previous = last;
    return first;
}

NOINLINE static int ride(void)
{
    struct station *first = build_line(4), *at = first;
    int seen = 0;

    do {
        seen += at->number;
        at = at->next;
    } while (at != first);
    if (IS_FIXED) {
        first->previous->next = NULL;
        while (first) {
            at = first->next;
            free(first);
            first = at;
        }
    }
    return seen;
}

int main(void)
{
    printf("%d\n", ride());
    return 0;
}
