/* SPDX-License-Identifier: MIT */
/*
 * A list from getaddrinfo is walked with the only pointer to it, and freed from where the walk
 * ended. The addresses are numeric, so nobody is asked.
 *
 * seen: bstansell/conserver#98 the loop moved the pointer that was to be freed
 * lsan: one of the two in 2 of 12 runs
 * expect: unreachable memory 2 "count_addresses < main" parts=any
 */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "../leaks.h"

NOINLINE static int count_addresses(const char *name)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL, *first;
    int count = 0;

    if (getaddrinfo(name, NULL, &hints, &list))
        return 0;
    for (first = list; list; list = list->ai_next)
        count++;
    if (IS_FIXED)
        freeaddrinfo(first);
    else if (list)
        freeaddrinfo(list);
    return count;
}

int main(void)
{
    int count = count_addresses("127.0.0.1");

    printf("%d\n", count + count_addresses("::1"));
    return 0;
}
