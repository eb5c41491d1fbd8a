/* SPDX-License-Identifier: MIT */
/*
 * Use of descriptors: who touched one last, and when. A descriptor that another
 * thread still reads is no leak of the thread that opened it. What may block in
 * a socket is a transfer (transfer.h): the socket may have a time limit. The
 * calls that only wait (poll, epoll_wait, select) are in wait.c.
 */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/random.h>
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
#define BEHIND(b) ((char *)(b) + transfer.done)
#define LEFT(n)   ((n) - transfer.done)
#define PLACE(o)  transfer_place(&transfer, o)

TRANSFERS_ALL(POLLIN, ssize_t, read, (int fd, void *b, size_t n), (fd, BEHIND(b), LEFT(n)),
              transfer_reads_all(fd, n))
TRANSFERS_ALL(POLLIN, ssize_t, __read, (int fd, void *b, size_t n), (fd, BEHIND(b), LEFT(n)),
              transfer_reads_all(fd, n))
TRANSFERS_ALL(POLLIN, ssize_t, __read_chk, (int fd, void *b, size_t n, size_t r),
              (fd, BEHIND(b), LEFT(n), LEFT(r)), transfer_reads_all(fd, n))
TRANSFERS_ALL(POLLIN, ssize_t, pread, (int fd, void *b, size_t n, off_t o),
              (fd, BEHIND(b), LEFT(n), PLACE(o)), transfer_reads_all(fd, n))
TRANSFERS_ALL(POLLIN, ssize_t, pread64, (int fd, void *b, size_t n, off64_t o),
              (fd, BEHIND(b), LEFT(n), PLACE(o)), transfer_reads_all(fd, n))
TRANSFERS_ALL(POLLIN, ssize_t, __pread64, (int fd, void *b, size_t n, off64_t o),
              (fd, BEHIND(b), LEFT(n), PLACE(o)), transfer_reads_all(fd, n))
TRANSFERS_ALL(POLLIN, ssize_t, __pread_chk, (int fd, void *b, size_t n, off_t o, size_t r),
              (fd, BEHIND(b), LEFT(n), PLACE(o), LEFT(r)), transfer_reads_all(fd, n))
TRANSFERS_ALL(POLLIN, ssize_t, __pread64_chk, (int fd, void *b, size_t n, off64_t o, size_t r),
              (fd, BEHIND(b), LEFT(n), PLACE(o), LEFT(r)), transfer_reads_all(fd, n))

TRANSFERS_ALL(POLLOUT, ssize_t, write, (int fd, const void *b, size_t n),
              (fd, BEHIND(b), LEFT(n)), n)
TRANSFERS_ALL(POLLOUT, ssize_t, __write, (int fd, const void *b, size_t n),
              (fd, BEHIND(b), LEFT(n)), n)
TRANSFERS_ALL(POLLOUT, ssize_t, pwrite, (int fd, const void *b, size_t n, off_t o),
              (fd, BEHIND(b), LEFT(n), PLACE(o)), n)
TRANSFERS_ALL(POLLOUT, ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t o),
              (fd, BEHIND(b), LEFT(n), PLACE(o)), n)
TRANSFERS_ALL(POLLOUT, ssize_t, __pwrite64, (int fd, const void *b, size_t n, off64_t o),
              (fd, BEHIND(b), LEFT(n), PLACE(o)), n)
USES(ssize_t, vmsplice, (int fd, const struct iovec *v, size_t n, unsigned f), (fd, v, n, f), true)

#define FLAGS(f) transfer_flags(&transfer, f)

TRANSFERS_ALL(POLLOUT, ssize_t, send, (int fd, const void *b, size_t n, int f),
              (fd, BEHIND(b), LEFT(n), FLAGS(f)), n)
TRANSFERS_ALL(POLLOUT, ssize_t, __send, (int fd, const void *b, size_t n, int f),
              (fd, BEHIND(b), LEFT(n), FLAGS(f)), n)
TRANSFERS_ALL(POLLOUT, ssize_t, sendto,
              (int fd, const void *b, size_t n, int f, __CONST_SOCKADDR_ARG a, socklen_t l),
              (fd, BEHIND(b), LEFT(n), FLAGS(f), a, l), n)
TRANSFERS_ALL(POLLIN, ssize_t, recv, (int fd, void *b, size_t n, int f),
              (fd, BEHIND(b), LEFT(n), f), transfer_receives_all(fd, f, n))
TRANSFERS_ALL(POLLIN, ssize_t, __recv_chk, (int fd, void *b, size_t n, size_t r, int f),
              (fd, BEHIND(b), LEFT(n), LEFT(r), f), transfer_receives_all(fd, f, n))
TRANSFERS_ALL(POLLIN, ssize_t, recvfrom,
              (int fd, void *restrict b, size_t n, int f, __SOCKADDR_ARG a, socklen_t *restrict l),
              (fd, BEHIND(b), LEFT(n), f, a, l), transfer_receives_all(fd, f, n))
TRANSFERS_ALL(POLLIN, ssize_t, __recvfrom_chk,
              (int fd, void *restrict b, size_t n, size_t r, int f, __SOCKADDR_ARG a,
               socklen_t *restrict l),
              (fd, BEHIND(b), LEFT(n), LEFT(r), f, a, l), transfer_receives_all(fd, f, n))

TRANSFERS(POLLOUT, int, connect, (int fd, __CONST_SOCKADDR_ARG a, socklen_t l), (fd, a, l))
TRANSFERS(POLLOUT, int, __connect, (int fd, __CONST_SOCKADDR_ARG a, socklen_t l), (fd, a, l))
USES(int, bind, (int fd, __CONST_SOCKADDR_ARG a, socklen_t l), (fd, a, l), true)
USES(int, listen, (int fd, int backlog), (fd, backlog), true)
USES(int, shutdown, (int fd, int how), (fd, how), false)
USES(int, epoll_ctl, (int set, int op, int fd, struct epoll_event *e), (set, op, fd, e),
     op != EPOLL_CTL_DEL)
/* clang-format on */

/* ---- several buffers ---- */

#define VECTOR(v) (transfer.done ? buffers.left : (v))
#define PARTS(n)  (transfer.done ? (int)buffers.count_left : (n))

#define TRANSFERS_BUFFERS(events, function, params, args, may_be_cut)                              \
    HOOK(function);                                                                                \
    HOOK_EXPORT ssize_t function params                                                            \
    {                                                                                              \
        TRANSFER_BEGIN(true);                                                                      \
        struct buffers buffers;                                                                    \
        ssize_t result;                                                                            \
        do                                                                                         \
            result = REAL(function) args;                                                          \
        while (TRANSFER_BUFFERS_ARE_DUE(result, fd, events, &buffers, v, (size_t)n, may_be_cut));  \
        result = transfer_end(&transfer, result);                                                  \
        FD_USED(function, fd, result, events, 0);                                                  \
        return result;                                                                             \
    }

/* clang-format off */
#define READS_BUFFERS(function, params, args)                                                      \
    TRANSFERS_BUFFERS(POLLIN, function, params, args, transfer_reads_all(fd, 1) != 0)
#define WRITES_BUFFERS(function, params, args)                                                     \
    TRANSFERS_BUFFERS(POLLOUT, function, params, args, true)

READS_BUFFERS(readv, (int fd, const struct iovec *v, int n), (fd, VECTOR(v), PARTS(n)))
READS_BUFFERS(preadv, (int fd, const struct iovec *v, int n, off_t o),
              (fd, VECTOR(v), PARTS(n), PLACE(o)))
READS_BUFFERS(preadv64, (int fd, const struct iovec *v, int n, off64_t o),
              (fd, VECTOR(v), PARTS(n), PLACE(o)))
READS_BUFFERS(preadv2, (int fd, const struct iovec *v, int n, off_t o, int f),
              (fd, VECTOR(v), PARTS(n), PLACE(o), f))
READS_BUFFERS(preadv64v2, (int fd, const struct iovec *v, int n, off64_t o, int f),
              (fd, VECTOR(v), PARTS(n), PLACE(o), f))
WRITES_BUFFERS(writev, (int fd, const struct iovec *v, int n), (fd, VECTOR(v), PARTS(n)))
WRITES_BUFFERS(pwritev, (int fd, const struct iovec *v, int n, off_t o),
               (fd, VECTOR(v), PARTS(n), PLACE(o)))
WRITES_BUFFERS(pwritev64, (int fd, const struct iovec *v, int n, off64_t o),
               (fd, VECTOR(v), PARTS(n), PLACE(o)))
WRITES_BUFFERS(pwritev2, (int fd, const struct iovec *v, int n, off_t o, int f),
               (fd, VECTOR(v), PARTS(n), PLACE(o), f))
WRITES_BUFFERS(pwritev64v2, (int fd, const struct iovec *v, int n, off64_t o, int f),
               (fd, VECTOR(v), PARTS(n), PLACE(o), f))
/* clang-format on */

HOOK(sendmsg);
HOOK_EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    TRANSFER_BEGIN(true);
    struct buffers buffers;
    struct msghdr rest;
    ssize_t result;
    do /* what goes with the data went with its beginning */
        result = REAL(sendmsg)(fd, transfer.done ? transfer_message(&buffers, &rest) : message,
                               FLAGS(flags));
    while (TRANSFER_BUFFERS_ARE_DUE(result, fd, POLLOUT, &buffers, message->msg_iov,
                                    message->msg_iovlen, true));
    result = transfer_end(&transfer, result);
    FD_USED(sendmsg, fd, result, POLLOUT, 0);
    if (result >= 0 && message->msg_controllen && guard_may_record(GUARD_FRAME()))
        message_sent(message);
    return result;
}

/* ---- several messages: a result is their number ---- */

TRANSFERS_ALL(POLLOUT, int, sendmmsg, (int fd, struct mmsghdr *m, unsigned n, int f),
              (fd, m + transfer.done, n - (unsigned)transfer.done, f),
              messages_whole(m, transfer.done + (size_t)(result > 0 ? result : 0), n))

/* ---- random numbers ---- */

HOOK(getrandom);
HOOK_EXPORT ssize_t getrandom(void *bytes, size_t count, unsigned flags)
{
    TRANSFER_BEGIN(true);
    ssize_t result;
    do
        result = REAL(getrandom)(BEHIND(bytes), LEFT(count), flags);
    while (TRANSFER_IS_DUE(result, -1, POLLIN, count));
    return transfer_end(&transfer, result);
}

/* ---- from one descriptor to another: both are used ---- */

struct fd_pair {
    int from, to;
};

static void fds_used(struct fd_pair pair)
{
    fd_used(pair.from);
    fd_used(pair.to);
}

#define MOVES_BYTES(function, params, args, whole)                                                 \
    HOOK(function);                                                                                \
    HOOK_EXPORT ssize_t function params                                                            \
    {                                                                                              \
        TRANSFER_BEGIN((whole) != 0);                                                              \
        ssize_t result;                                                                            \
        do                                                                                         \
            result = REAL(function) args;                                                          \
        while (TRANSFER_IS_DUE(result, transfer_waits_at(from, to), transfer_waits_for(from),      \
                               whole));                                                            \
        result = transfer_end(&transfer, result);                                                  \
        FD_USED(function, from, result, 0, 0);                                                     \
        FD_USED(function, to, result, 0, 0);                                                       \
        return result;                                                                             \
    }

MOVES_BYTES(sendfile, (int to, int from, off_t *offset, size_t bytes),
            (to, from, offset, LEFT(bytes)), bytes)
MOVES_BYTES(sendfile64, (int to, int from, off64_t *offset, size_t bytes),
            (to, from, offset, LEFT(bytes)), bytes)
MOVES_BYTES(copy_file_range,
            (int from, off64_t *from_offset, int to, off64_t *to_offset, size_t bytes,
             unsigned flags),
            (from, from_offset, to, to_offset, LEFT(bytes), flags), bytes)
/* A part is what a splice gives at any time. */
MOVES_BYTES(splice,
            (int from, off64_t *from_offset, int to, off64_t *to_offset, size_t bytes,
             unsigned flags),
            (from, from_offset, to, to_offset, bytes, flags), 0)
WATCHES(fds, ssize_t, tee, (int from, int to, size_t bytes, unsigned flags),
        (from, to, bytes, flags), ((struct fd_pair){from, to}))
