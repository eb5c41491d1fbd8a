/* SPDX-License-Identifier: MIT */
/*
 * A client that closes its end of a loopback connection while the server side
 * keeps both the listening socket and the accepted one.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

__attribute__((noinline)) static int open_listener(struct sockaddr_in *ret_address)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) || listen(fd, 1) ||
        getsockname(fd, (struct sockaddr *)ret_address, &length))
        return -1;
    return fd;
}

__attribute__((noinline)) static int accept_client(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    return fd;
}

int main(void)
{
    struct sockaddr_in address;
    int listener = open_listener(&address);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    int served;

    if (listener < 0 || connect(client, (struct sockaddr *)&address, sizeof(address)))
        return 1;
    served = accept_client(listener);
    close(client);
#ifdef FIXED
    close(served);
    close(listener);
#endif
    puts(served < 0 ? "not accepted" : "accepted");
    return 0;
}
