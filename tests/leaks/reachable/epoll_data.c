/* SPDX-License-Identifier: MIT */
/*
 * The state of each connection is known to the kernel alone: its address went to epoll_ctl as
 * data.ptr, and comes back with the next event. While it is registered it is no leak.
 *
 * lsan, valgrind: false
 * expect: nothing
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../leaks.h"

struct connection {
    int fd;
    char name[60];
};

NOINLINE static void add_connection(int loop, int number)
{
    struct connection *connection = malloc(sizeof(*connection));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};

    if (!connection)
        exit(1);
    connection->fd = eventfd(1, EFD_CLOEXEC);
    snprintf(connection->name, sizeof(connection->name), "connection %d", number);
    if (epoll_ctl(loop, EPOLL_CTL_ADD, connection->fd, &event))
        exit(1);
}

/* One event in a frame that is gone afterwards. */
NOINLINE static int serve_one(int loop)
{
    struct epoll_event event = {0};
    struct connection *connection;

    if (epoll_wait(loop, &event, 1, 0) != 1)
        return 0;
    connection = event.data.ptr;
    if (IS_FIXED) {
        close(connection->fd);
        free(connection);
    }
    return 1;
}

int main(void)
{
    int loop = epoll_create1(EPOLL_CLOEXEC), served = 0;

    for (int number = 0; number < 3; number++)
        add_connection(loop, number);
    while (served < 3 && serve_one(loop))
        served++;
    printf("%d served\n", served);
    if (IS_FIXED)
        close(loop);
    return 0;
}
