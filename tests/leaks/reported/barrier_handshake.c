/* SPDX-License-Identifier: MIT */
/*
 * A server on loopback accepts, waits for a greeting, and gives up a client that does not greet:
 * its socket stays open, and twenty rude clients use up twenty descriptors.
 *
 * seen: debauchee/barrier#1350 CVE-2021-42075, no more connections once descriptors are used up
 * expect: pile-up socket 20 "accept_client < serve_next < main" severity=warning
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../leaks.h"

NOINLINE static int accept_client(int listener)
{
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

NOINLINE static int serve_next(int listener)
{
    int client = accept_client(listener);
    char greeting[6] = "";

    if (recv(client, greeting, 5, 0) != 5 || strcmp(greeting, "hello")) {
        if (IS_FIXED)
            close(client);
        return 0;
    }
    close(client);
    return 1;
}

static void visit(const struct sockaddr_in *address, const char *greeting)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)) && *greeting)
        send(fd, greeting, strlen(greeting), MSG_NOSIGNAL);
    close(fd);
}

int main(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), served = 0;
    socklen_t length = sizeof(address);

    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 4) ||
        getsockname(listener, (struct sockaddr *)&address, &length))
        return 1;
    for (int turn = 0; turn < 25; turn++) {
        visit(&address, turn % 5 ? "" : "hello");
        served += serve_next(listener);
    }
    close(listener);
    printf("%d served\n", served);
    return 0;
}
