/* SPDX-License-Identifier: MIT */
#include "preload/hooks/transfer.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_US UINT64_C(1000)
/* The coarse clock lags by a tick at most; the limit is not to end early. */
#define TICK_NS (NS_PER_S / 100)
/* /dev/zero, random, urandom: they give all that is asked for, if in pieces. */
#define MEMORY_DEVICES 1u
/* The kernel's own number, which no program should ever see. */
#define ERESTARTSYS 512

extern struct hook hook_ppoll; /* wait.c */

/* False: the option's value is not there, as `fd` is no socket. */
static bool socket_option(int fd, int option, void *ret_value, socklen_t bytes)
{
    return sys_call(SYS_getsockopt, fd, SOL_SOCKET, option, (long)ret_value, (long)&bytes, 0) >= 0;
}

bool transfer_is_socket(int fd)
{
    int type;
    return socket_option(fd, SO_TYPE, &type, sizeof type);
}

/* DEADLINE_NEVER: no limit, or no socket. */
static uint64_t transfer_deadline(int fd, short events, uint64_t begun)
{
    struct timeval limit = {0, 0};
    int option = events & POLLIN ? SO_RCVTIMEO : SO_SNDTIMEO;
    if (!socket_option(fd, option, &limit, sizeof limit) ||
        (limit.tv_sec == 0 && limit.tv_usec == 0))
        return DEADLINE_NEVER;
    return begun + (uint64_t)limit.tv_sec * NS_PER_S + (uint64_t)limit.tv_usec * NS_PER_US +
           TICK_NS;
}

/* Until the socket is ready or its time is over, atomically with the mask.
 * False with EAGAIN in errno: over. */
static bool transfer_awaits(struct transfer *transfer, int fd, short events, uint64_t deadline)
{
    struct waiting *wait = &transfer->wait;
    struct pollfd one = {fd, events, 0};
    struct timespec left;
    int ready = -1;
    while (ready < 0 && waiting_resumes(wait, SYS_ppoll)) {
        if (!wait->masked)
            return true;
        struct timespec *limit = deadline_left(deadline, &left);
        ready = transfer->raw ? (int)sys_call(SYS_ppoll, (long)&one, 1, (long)limit,
                                              (long)&wait->mask, KERNEL_MASK_BYTES, 0)
                              : REAL(ppoll)(&one, 1, limit, &wait->mask);
    }
    if (ready == 0)
        errno = EAGAIN;
    if (ready <= 0)
        return false;
    /* The transfer takes no mask, and another thread may have been quicker: it
     * may block again, and must not do so with every signal blocked. */
    bool cut = wait->cut;
    waiting_end(wait);
    waiting_begin(wait, wait->frame);
    wait->cut = cut;
    return true;
}

/* Whether our own signal alone interrupted the call, which is then due again.
 * Without a time limit the call itself waits: poll() asks for more room in a
 * socket of AF_UNIX than a send does. */
static bool transfer_resumes(struct transfer *transfer, int fd, short events)
{
    uint64_t deadline = transfer_deadline(fd, events, transfer->begun);
    return deadline == DEADLINE_NEVER ? waiting_resumes_unmasked(&transfer->wait)
                                      : transfer_awaits(transfer, fd, events, deadline);
}

bool transfer_goes_on(struct transfer *transfer, ssize_t result, int fd, short events, size_t whole)
{
    if (result == 0 || (result > 0 && (size_t)result >= whole - transfer->done))
        return false;
    int before = errno;
    bool due = transfer_resumes(transfer, fd, events);
    if (result < 0)
        return due;
    errno = before;
    if (due && transfer->done == 0)
        transfer->kept = before;
    if (due)
        transfer->done += (size_t)result;
    return due;
}

ssize_t transfer_end(struct transfer *transfer, ssize_t result)
{
    waiting_end(&transfer->wait);
    if (transfer->done == 0)
        return result;
    errno = transfer->kept;
    return (ssize_t)transfer->done + (result > 0 ? result : 0);
}

/* ---- what is moved in one go ---- */

size_t transfer_receives_all(int fd, int flags, size_t bytes)
{
    int type = 0;
    if (!(flags & MSG_WAITALL) || (flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE)))
        return 0;
    return socket_option(fd, SO_TYPE, &type, sizeof type) && type == SOCK_STREAM ? bytes : 0;
}

bool transfer_receives_message(int fd, int flags, const struct msghdr *message)
{
    return message->msg_controllen == 0 && transfer_receives_all(fd, flags, 1);
}

size_t transfer_reads_all(int fd, size_t bytes)
{
    struct stat facts;
    return sys_call(SYS_fstat, fd, (long)&facts, 0, 0, 0, 0) == 0 && S_ISCHR(facts.st_mode) &&
                   major(facts.st_rdev) == MEMORY_DEVICES
               ? bytes
               : 0;
}

/* ---- several buffers ---- */

size_t buffers_bytes(const struct iovec *vector, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += vector[i].iov_len;
    return bytes;
}

static void buffers_set(struct buffers *buffers, const struct iovec *vector, size_t count,
                        size_t done)
{
    size_t i = 0;
    while (i < count && done >= vector[i].iov_len)
        done -= vector[i++].iov_len;
    buffers->left = vector + i;
    buffers->count_left = count - i;
    if (done == 0 || i == count)
        return;
    buffers->rest.iov_base = (char *)vector[i].iov_base + done;
    buffers->rest.iov_len = vector[i].iov_len - done;
    buffers->left = &buffers->rest;
    buffers->count_left = 1;
}

bool transfer_buffers_go_on(struct transfer *transfer, ssize_t result, int fd, short events,
                            struct buffers *buffers, const struct iovec *vector, size_t count,
                            bool may_be_cut)
{
    size_t whole = may_be_cut ? buffers_bytes(vector, count) : 0;
    bool piece_is_through = transfer->done && result > 0 &&
                            (size_t)result == buffers_bytes(buffers->left, buffers->count_left) &&
                            transfer->done + (size_t)result < whole;
    if (piece_is_through)
        transfer->done += (size_t)result;
    else if (transfer->wait.seen == transfer->wait.held ||
             !transfer_goes_on(transfer, result, fd, events, whole))
        return false;
    if (transfer->done)
        buffers_set(buffers, vector, count, transfer->done);
    return true;
}

/* ---- several messages ---- */

size_t messages_whole(const struct mmsghdr *messages, size_t through, size_t count)
{
    if (through == 0)
        return count;
    const struct mmsghdr *last = &messages[through - 1];
    return last->msg_len < buffers_bytes(last->msg_hdr.msg_iov, last->msg_hdr.msg_iovlen) ? 0
                                                                                          : count;
}

bool messages_kept_error(const struct transfer *transfer, ssize_t result)
{
    return result < 0 && transfer->done && (errno == ERESTARTSYS || errno == EINTR);
}
