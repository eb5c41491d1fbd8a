/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that come by SCM_RIGHTS are the receiver's to close. This one asks for a file's size
 * and is done.
 *
 * expect: pile-up fd 20 "receive < measure < main" severity=warning
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../leaks.h"

union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
};

static void pass(int socket, int fd)
{
    union control control = {0};
    struct iovec data = {.iov_base = (char[]){"x"}, .iov_len = 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    sendmsg(socket, &message, MSG_NOSIGNAL);
}

NOINLINE static int receive(int socket)
{
    union control control = {0};
    char byte;
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    int fd = -1;

    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) == 1)
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
    return fd;
}

NOINLINE static int measure(int socket)
{
    struct stat facts;
    int fd = receive(socket), failed = fstat(fd, &facts);

    if (IS_FIXED)
        close(fd);
    return failed;
}

int main(void)
{
    int ends[2], failed = 0, file = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return 1;
    for (int turn = 0; turn < 20; turn++) {
        pass(ends[0], file);
        failed += measure(ends[1]);
    }
    close(file);
    close(ends[0]);
    close(ends[1]);
    printf("%d failed\n", failed);
    return 0;
}
