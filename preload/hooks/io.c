/* SPDX-License-Identifier: MIT */
/*
 * Use of descriptors: who touched one last, and when. A descriptor that another
 * thread still reads is no leak of the thread that opened it. What may block in
 * a socket is a transfer (transfer.h): the socket may have a time limit. The
 * calls that only wait (poll, epoll_wait, select) are in wait.c.
 */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <fcntl.h>
#include <unistd.h>

#include "preload/hooks/family.h"
#include "preload/hooks/transfer.h"

/* Names that libc exports but declares nowhere, or only when fortified. */
ssize_t __read(int fd, void *buffer, size_t bytes);
ssize_t __write(int fd, const void *buffer, size_t bytes);
ssize_t __pread64(int fd, void *buffer, size_t bytes, off64_t offset);
ssize_t __pwrite64(int fd, const void *buffer, size_t bytes, off64_t offset);
ssize_t __send(int fd, const void *buffer, size_t bytes, int flags);
int __connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t length);
ssize_t __read_chk(int fd, void *buffer, size_t bytes, size_t room);
ssize_t __pread_chk(int fd, void *buffer, size_t bytes, off_t offset, size_t room);
ssize_t __pread64_chk(int fd, void *buffer, size_t bytes, off64_t offset, size_t room);
ssize_t __recv_chk(int fd, void *buffer, size_t bytes, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *restrict buffer, size_t bytes, size_t room, int flags,
                       __SOCKADDR_ARG address, socklen_t *restrict length);

/* clang-format off */
TRANSFERS(POLLIN, ssize_t, read, (int fd, void *b, size_t n), (fd, b, n))
TRANSFERS(POLLIN, ssize_t, __read, (int fd, void *b, size_t n), (fd, b, n))
TRANSFERS(POLLIN, ssize_t, __read_chk, (int fd, void *b, size_t n, size_t r), (fd, b, n, r))
WATCHES(fd, ssize_t, pread, (int fd, void *b, size_t n, off_t o), (fd, b, n, o), fd)
WATCHES(fd, ssize_t, pread64, (int fd, void *b, size_t n, off64_t o), (fd, b, n, o), fd)
WATCHES(fd, ssize_t, __pread64, (int fd, void *b, size_t n, off64_t o), (fd, b, n, o), fd)
WATCHES(fd, ssize_t, __pread_chk, (int fd, void *b, size_t n, off_t o, size_t r),
        (fd, b, n, o, r), fd)
WATCHES(fd, ssize_t, __pread64_chk, (int fd, void *b, size_t n, off64_t o, size_t r),
        (fd, b, n, o, r), fd)
TRANSFERS(POLLIN, ssize_t, readv, (int fd, const struct iovec *v, int n), (fd, v, n))
WATCHES(fd, ssize_t, preadv, (int fd, const struct iovec *v, int n, off_t o), (fd, v, n, o), fd)
WATCHES(fd, ssize_t, preadv64, (int fd, const struct iovec *v, int n, off64_t o),
        (fd, v, n, o), fd)
WATCHES(fd, ssize_t, preadv2, (int fd, const struct iovec *v, int n, off_t o, int f),
        (fd, v, n, o, f), fd)
WATCHES(fd, ssize_t, preadv64v2, (int fd, const struct iovec *v, int n, off64_t o, int f),
        (fd, v, n, o, f), fd)

TRANSFERS(POLLOUT, ssize_t, write, (int fd, const void *b, size_t n), (fd, b, n))
TRANSFERS(POLLOUT, ssize_t, __write, (int fd, const void *b, size_t n), (fd, b, n))
WATCHES(fd, ssize_t, pwrite, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o), fd)
WATCHES(fd, ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o), fd)
WATCHES(fd, ssize_t, __pwrite64, (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o), fd)
TRANSFERS(POLLOUT, ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
WATCHES(fd, ssize_t, pwritev, (int fd, const struct iovec *v, int n, off_t o), (fd, v, n, o), fd)
WATCHES(fd, ssize_t, pwritev64, (int fd, const struct iovec *v, int n, off64_t o),
        (fd, v, n, o), fd)
WATCHES(fd, ssize_t, pwritev2, (int fd, const struct iovec *v, int n, off_t o, int f),
        (fd, v, n, o, f), fd)
WATCHES(fd, ssize_t, pwritev64v2, (int fd, const struct iovec *v, int n, off64_t o, int f),
        (fd, v, n, o, f), fd)
WATCHES(fd, ssize_t, vmsplice, (int fd, const struct iovec *v, size_t n, unsigned f),
        (fd, v, n, f), fd)

TRANSFERS(POLLOUT, ssize_t, send, (int fd, const void *b, size_t n, int f), (fd, b, n, f))
TRANSFERS(POLLOUT, ssize_t, __send, (int fd, const void *b, size_t n, int f), (fd, b, n, f))
TRANSFERS(POLLOUT, ssize_t, sendto,
        (int fd, const void *b, size_t n, int f, __CONST_SOCKADDR_ARG a, socklen_t l),
        (fd, b, n, f, a, l))
TRANSFERS(POLLOUT, ssize_t, sendmsg, (int fd, const struct msghdr *m, int f), (fd, m, f))
TRANSFERS(POLLOUT, int, sendmmsg, (int fd, struct mmsghdr *m, unsigned n, int f), (fd, m, n, f))
TRANSFERS(POLLIN, ssize_t, recv, (int fd, void *b, size_t n, int f), (fd, b, n, f))
TRANSFERS(POLLIN, ssize_t, __recv_chk, (int fd, void *b, size_t n, size_t r, int f),
        (fd, b, n, r, f))
TRANSFERS(POLLIN, ssize_t, recvfrom,
        (int fd, void *restrict b, size_t n, int f, __SOCKADDR_ARG a, socklen_t *restrict l),
        (fd, b, n, f, a, l))
TRANSFERS(POLLIN, ssize_t, __recvfrom_chk,
        (int fd, void *restrict b, size_t n, size_t r, int f, __SOCKADDR_ARG a,
         socklen_t *restrict l),
        (fd, b, n, r, f, a, l))

TRANSFERS(POLLOUT, int, connect, (int fd, __CONST_SOCKADDR_ARG a, socklen_t l), (fd, a, l))
TRANSFERS(POLLOUT, int, __connect, (int fd, __CONST_SOCKADDR_ARG a, socklen_t l), (fd, a, l))
WATCHES(fd, int, bind, (int fd, __CONST_SOCKADDR_ARG a, socklen_t l), (fd, a, l), fd)
WATCHES(fd, int, listen, (int fd, int backlog), (fd, backlog), fd)
WATCHES(fd, int, shutdown, (int fd, int how), (fd, how), fd)
WATCHES(fd, int, epoll_ctl, (int set, int op, int fd, struct epoll_event *e), (set, op, fd, e), fd)
/* clang-format on */

/* ---- from one descriptor to another: both are used ---- */

struct fd_pair {
    int from, to;
};

static void fds_used(struct fd_pair pair)
{
    fd_used(pair.from);
    fd_used(pair.to);
}

WATCHES(fds, ssize_t, sendfile, (int to, int from, off_t *offset, size_t bytes),
        (to, from, offset, bytes), ((struct fd_pair){from, to}))
WATCHES(fds, ssize_t, sendfile64, (int to, int from, off64_t *offset, size_t bytes),
        (to, from, offset, bytes), ((struct fd_pair){from, to}))
WATCHES(fds, ssize_t, splice,
        (int from, off64_t *from_offset, int to, off64_t *to_offset, size_t bytes, unsigned flags),
        (from, from_offset, to, to_offset, bytes, flags), ((struct fd_pair){from, to}))
WATCHES(fds, ssize_t, tee, (int from, int to, size_t bytes, unsigned flags),
        (from, to, bytes, flags), ((struct fd_pair){from, to}))
WATCHES(fds, ssize_t, copy_file_range,
        (int from, off64_t *from_offset, int to, off64_t *to_offset, size_t bytes, unsigned flags),
        (from, from_offset, to, to_offset, bytes, flags), ((struct fd_pair){from, to}))
