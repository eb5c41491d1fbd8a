/* SPDX-License-Identifier: MIT */
/*
 * Transfers through descriptors, and what a handler of ours does to them. The
 * kernel restarts a read or write that had moved nothing yet, but
 *
 *  - not when the socket has a time limit of its own (SO_RCVTIMEO,
 *    SO_SNDTIMEO): it returns EINTR (signal(7)); and
 *  - a call that blocks until all is through (a write into a pipe, MSG_WAITALL,
 *    sendfile, a read of /dev/zero) returns the part that is.
 *
 * So every hook that may block in a transfer is of a shape below: the call is
 * made again, for what is left. That costs a reading of the coarse clock; all
 * else is asked only when it was interrupted. What a call may return less of
 * for other reasons is not finished by us: it is due again only when our signal
 * alone has cut it short.
 */
#ifndef HOOKS_TRANSFER_H
#define HOOKS_TRANSFER_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "preload/facts/waiting.h"
#include "preload/ground/hook.h"
#include "preload/ground/sys.h"

struct transfer {
    struct waiting wait;
    uint64_t begun; /* by the coarse clock */
    size_t done;    /* through by the earlier calls */
    int kept;       /* errno before the first of them: success leaves it alone */
    bool raw;       /* of syscall(), which is no point of cancellation */
};

/* Declares `transfer`. */
#define TRANSFER_BEGIN(may_be_cut)                                                                 \
    struct transfer transfer;                                                                      \
    SPILL_REGISTERS();                                                                             \
    transfer.begun = clock_coarse_ns();                                                            \
    transfer.done = 0;                                                                             \
    transfer.raw = false;                                                                          \
    waiting_begin(&transfer.wait, GUARD_FRAME());                                                  \
    transfer.wait.cut = (may_be_cut)

/* After each call: whether it is due again, for what is left. `whole`: what the
 * call would have moved without us, in its own unit; 0: a part is all right.
 * `fd`, `events` (what poll() would wait for) and `whole` are looked at only
 * after an interruption. */
#define TRANSFER_IS_DUE(result, fd, events, whole)                                                 \
    (transfer.wait.seen != transfer.wait.held &&                                                   \
     transfer_goes_on(&transfer, result, fd, events, whole))
bool transfer_goes_on(struct transfer *transfer, ssize_t result, int fd, short events,
                      size_t whole);
/* Ends it: the result of all calls together. */
ssize_t transfer_end(struct transfer *transfer, ssize_t result);

/* As WATCHES, of a descriptor whose parameter is called fd. */
#define TRANSFERS(events, ret, function, params, args)                                             \
    HOOK(function);                                                                                \
    HOOK_EXPORT ret function params                                                                \
    {                                                                                              \
        TRANSFER(ret, function, args, fd, events);                                                 \
        FD_USED(function, fd, result, 0, 0);                                                       \
        return result;                                                                             \
    }

/* The same where a part is not all right; `args` begin behind transfer.done. */
#define TRANSFERS_ALL(events, ret, function, params, args, whole)                                  \
    HOOK(function);                                                                                \
    HOOK_EXPORT ret function params                                                                \
    {                                                                                              \
        TRANSFER_BEGIN(true);                                                                      \
        ssize_t result;                                                                            \
        do                                                                                         \
            result = REAL(function) args;                                                          \
        while (TRANSFER_IS_DUE(result, fd, events, whole));                                        \
        result = transfer_end(&transfer, result);                                                  \
        FD_USED(function, fd, result, events, whole);                                              \
        return (ret)result;                                                                        \
    }

/* The call itself, for hooks that are written out: declares `result`. */
#define TRANSFER(ret, function, args, fd, events)                                                  \
    TRANSFER_BEGIN(false);                                                                         \
    ret result;                                                                                    \
    do                                                                                             \
        result = REAL(function) args;                                                              \
    while (TRANSFER_IS_DUE(result, fd, events, 0));                                                \
    transfer_end(&transfer, result)

/* From one descriptor to another. The other end of a socket is a pipe, whose
 * waits the kernel restarts. */
bool transfer_is_socket(int fd);
static inline int transfer_waits_at(int from, int to)
{
    return transfer_is_socket(from) ? from : to;
}
static inline short transfer_waits_for(int from)
{
    return transfer_is_socket(from) ? POLLIN : POLLOUT;
}

/* Where in the file it goes on. -1 is the place that moves by itself. */
static inline off64_t transfer_place(const struct transfer *transfer, off64_t offset)
{
    return offset == -1 ? offset : offset + (off64_t)transfer->done;
}

/* The data of the first call opens the connection, the rest goes through it. */
static inline int transfer_flags(const struct transfer *transfer, int flags)
{
    return transfer->done ? flags & ~MSG_FASTOPEN : flags;
}

/* ---- what is moved in one go ---- */

/* Of a receive with these flags: `bytes`, or 0. */
size_t transfer_receives_all(int fd, int flags, size_t bytes);
/* The same as a yes or no; what a peer sent along with the data ends it, too. */
bool transfer_receives_message(int fd, int flags, const struct msghdr *message);
/* Of a read: `bytes` of /dev/zero and its like, else 0. */
size_t transfer_reads_all(int fd, size_t bytes);

/* ---- several buffers ---- */

/* What is left of them: after a cut inside a buffer first the rest of that one,
 * then the others. Unset until transfer.done is: what a program passes may be
 * no vector at all. */
struct buffers {
    const struct iovec *left;
    size_t count_left;
    struct iovec rest;
};
size_t buffers_bytes(const struct iovec *vector, size_t count);

/* The same as a message, with nothing beside the data. */
static inline struct msghdr *transfer_message(const struct buffers *buffers,
                                              struct msghdr *ret_message)
{
    *ret_message = (struct msghdr){.msg_iov = (struct iovec *)(uintptr_t)buffers->left,
                                   .msg_iovlen = buffers->count_left};
    return ret_message;
}

/* As TRANSFER_IS_DUE, of a whole vector; sets `buffers` to what is left of it. */
#define TRANSFER_BUFFERS_ARE_DUE(result, fd, events, buffers, vector, count, may_be_cut)           \
    ((transfer.wait.seen != transfer.wait.held || transfer.done) &&                                \
     transfer_buffers_go_on(&transfer, result, fd, events, buffers, vector, count, may_be_cut))
bool transfer_buffers_go_on(struct transfer *transfer, ssize_t result, int fd, short events,
                            struct buffers *buffers, const struct iovec *vector, size_t count,
                            bool may_be_cut);

/* ---- several messages: a result is their number ---- */

/* Of `count` that are sent: 0 when the last one that is through was itself cut,
 * since that is no place to go on from. */
size_t messages_whole(const struct mmsghdr *messages, size_t through, size_t count);
/* Linux keeps the interruption of a receive that had messages already as the
 * socket's error. The next call tells it, and is to be made again. */
bool messages_kept_error(const struct transfer *transfer, ssize_t result);

#endif
