/* SPDX-License-Identifier: MIT */
/*
 * Transfers by syscall(): see raw.h for the rows and transfer.h for why a
 * transfer is made again, and for what is left. What the program passed stays as
 * it is; `next` is the call that is due.
 */
#include "preload/hooks/raw.h"

#include <poll.h>
#include <string.h>

#include "preload/hooks/transfer.h"

static int call_fd(const struct raw_row *row, const long a[6])
{
    if (!row->fd)
        return -1;
    int fd = (int)raw_argument(row->fd, a);
    return row->to ? transfer_waits_at(fd, (int)raw_argument(row->to, a)) : fd;
}

static short call_events(const struct raw_row *row, const long a[6])
{
    return row->to ? transfer_waits_for((int)raw_argument(row->fd, a)) : row->events;
}

/* Messages are counted by an unsigned int. */
static size_t call_count(const struct raw_row *row, const long a[6])
{
    long count = raw_argument(row->count, a);
    return row->step > 1 ? (unsigned)count : (size_t)count;
}

/* What is left of `a` when transfer->done of it is through. */
static void call_move(const struct raw_row *row, const struct transfer *transfer, const long a[6],
                      long next[6])
{
    long done = (long)transfer->done;
    if (done == 0)
        return;
    if (row->at)
        next[row->at - 1] = a[row->at - 1] + done * row->step;
    next[row->count - 1] = (long)call_count(row, a) - done;
    if (row->place)
        next[row->place - 1] = transfer_place(transfer, a[row->place - 1]);
    if (row->flags && row->events == POLLOUT)
        next[row->flags - 1] = transfer_flags(transfer, (int)a[row->flags - 1]);
}

static size_t call_whole(const struct raw_row *row, const long a[6], size_t through)
{
    int fd = (int)raw_argument(row->fd, a), flags = (int)raw_argument(row->flags, a);
    size_t count = call_count(row, a);
    switch (row->whole) {
    case WHOLE_ALL:
        return count;
    case WHOLE_DEVICE:
        return transfer_reads_all(fd, count);
    case WHOLE_FLAGGED:
        return transfer_receives_all(fd, flags, count);
    case WHOLE_SENT:
        return messages_whole((const struct mmsghdr *)raw_argument(row->at, a), through, count);
    case WHOLE_RECEIVED:
        return flags & MSG_WAITFORONE ? 0 : count;
    }
    return 0;
}

/* ---- bytes, or messages that are counted ---- */

long raw_transfer(const struct raw_row *row, long number, const long a[6])
{
    TRANSFER_BEGIN(row->whole != WHOLE_NONE);
    transfer.raw = true;
    long next[6], result;
    memcpy(next, a, sizeof next);
    do {
        call_move(row, &transfer, a, next);
        result = raw_call(number, next);
        if (row->whole == WHOLE_RECEIVED && messages_kept_error(&transfer, result))
            result = raw_call(number, next);
    } while (
        TRANSFER_IS_DUE(result, call_fd(row, a), call_events(row, a),
                        call_whole(row, a, transfer.done + (size_t)(result > 0 ? result : 0))));
    return transfer_end(&transfer, result);
}

/* ---- several buffers ---- */

long raw_vector(const struct raw_row *row, long number, const long a[6])
{
    TRANSFER_BEGIN(true);
    transfer.raw = true;
    struct buffers buffers;
    int fd = (int)raw_argument(row->fd, a);
    long next[6], result;
    memcpy(next, a, sizeof next);
    do {
        if (transfer.done) {
            next[row->at - 1] = (long)buffers.left;
            next[row->count - 1] = (long)buffers.count_left;
        }
        if (row->place)
            next[row->place - 1] = transfer_place(&transfer, a[row->place - 1]);
        result = raw_call(number, next);
    } while (TRANSFER_BUFFERS_ARE_DUE(result, fd, row->events, &buffers,
                                      (const struct iovec *)raw_argument(row->at, a),
                                      (size_t)raw_argument(row->count, a),
                                      row->whole == WHOLE_ALL || transfer_reads_all(fd, 1) != 0));
    return transfer_end(&transfer, result);
}

long raw_message(const struct raw_row *row, long number, const long a[6])
{
    int fd = (int)raw_argument(row->fd, a), flags = (int)raw_argument(row->flags, a);
    struct msghdr *message = (struct msghdr *)raw_argument(row->at, a);
    TRANSFER_BEGIN(row->whole == WHOLE_ALL || (flags & MSG_WAITALL));
    transfer.raw = true;
    struct buffers buffers;
    struct msghdr rest;
    long next[6], result;
    memcpy(next, a, sizeof next);
    do {
        if (transfer.done)
            next[row->at - 1] = (long)transfer_message(&buffers, &rest);
        if (row->events == POLLOUT)
            next[row->flags - 1] = transfer_flags(&transfer, flags);
        result = raw_call(number, next);
    } while (TRANSFER_BUFFERS_ARE_DUE(
        result, fd, row->events, &buffers, message->msg_iov, message->msg_iovlen,
        row->whole == WHOLE_ALL || result < 0 || transfer_receives_message(fd, flags, message)));
    return transfer_end(&transfer, result);
}
