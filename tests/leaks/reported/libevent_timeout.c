/* SPDX-License-Identifier: MIT */
/*
 * A connection times out and is reset: the field with its descriptor is set to -1, by a function
 * whose old version closed it and whose new one does not.
 *
 * seen: libevent/libevent#1143 evhttp left the descriptor of each request that timed out
 * expect: pile-up socket 16 "open_connection < make_request < main" severity=warning
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../leaks.h"

struct connection {
    int fd;
};

static int silent_server;

NOINLINE static int open_connection(void)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return -1;
    dup3(ends[1], silent_server, O_CLOEXEC);
    close(ends[1]);
    return ends[0];
}

static void set_fd(struct connection *connection, int fd)
{
    connection->fd = fd;
}

NOINLINE static void reset(struct connection *connection)
{
    if (IS_FIXED)
        close(connection->fd);
    set_fd(connection, -1);
}

NOINLINE static int make_request(void)
{
    struct connection connection = {.fd = open_connection()};
    struct pollfd watched = {.fd = connection.fd, .events = POLLIN};

    if (poll(&watched, 1, 1) == 0) {
        reset(&connection);
        return 1;
    }
    close(connection.fd);
    return 0;
}

int main(void)
{
    int late = 0;

    silent_server = dup(STDERR_FILENO);
    for (int turn = 0; turn < 16; turn++)
        late += make_request();
    close(silent_server);
    printf("%d late\n", late);
    return 0;
}
