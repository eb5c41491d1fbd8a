/* SPDX-License-Identifier: MIT */
/*
 * A client that makes a socket for each request and closes it when the answer is there. When the
 * connection is refused there is no answer: twenty sockets stay.
 *
 * expect: pile-up socket 20 "open_socket < request < main" severity=warning
 */
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../leaks.h"

NOINLINE static int open_socket(void)
{
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

NOINLINE static int request(const struct sockaddr_in *address)
{
    int fd = open_socket();

    if (connect(fd, (const struct sockaddr *)address, sizeof(*address))) {
        if (IS_FIXED)
            close(fd);
        return -1;
    }
    close(fd);
    return 0;
}

int main(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int bound = open_socket(), failed = 0;

    /* A port that nobody listens on, and that nobody else gets. */
    if (bind(bound, (struct sockaddr *)&address, length) ||
        getsockname(bound, (struct sockaddr *)&address, &length))
        return 1;
    for (int number = 0; number < 20; number++)
        failed += request(&address) < 0;
    close(bound);
    printf("%d refused\n", failed);
    return 0;
}
