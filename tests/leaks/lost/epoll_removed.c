/* SPDX-License-Identifier: MIT */
/*
 * What only the kernel knew is lost when the descriptor leaves the epoll set: by EPOLL_CTL_DEL, and
 * by closing the last copy of the descriptor. Then nobody has the address any more.
 *
 * expect: unreachable memory 2 "add_connection < main" bytes=128
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

NOINLINE static int add_connection(int loop, int number)
{
    struct connection *connection = malloc(sizeof(*connection));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};

    if (!connection)
        exit(1);
    connection->fd = eventfd(1, EFD_CLOEXEC);
    snprintf(connection->name, sizeof(connection->name), "connection %d", number);
    if (epoll_ctl(loop, EPOLL_CTL_ADD, connection->fd, &event))
        exit(1);
    return connection->fd;
}

NOINLINE static void free_state(int loop)
{
    struct epoll_event event = {0};

    if (epoll_wait(loop, &event, 1, 0) == 1)
        free(event.data.ptr);
}

int main(void)
{
    int loop = epoll_create1(EPOLL_CLOEXEC);

    for (int number = 0; number < 2; number++) {
        int fd = add_connection(loop, number);

        if (IS_FIXED)
            free_state(loop);
        if (number)
            epoll_ctl(loop, EPOLL_CTL_DEL, fd, NULL);
        close(fd);
    }
    close(loop);
    puts("both gone");
    return 0;
}
