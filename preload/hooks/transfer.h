/* SPDX-License-Identifier: MIT */
/*
 * Transfers through a socket with a time limit of its own (SO_RCVTIMEO,
 * SO_SNDTIMEO). The kernel restarts a read or write after a handler of ours,
 * but not these: they return EINTR (signal(7)). So every hook of io.c and
 * socket.c that may block in a socket is of the shape below, which costs a
 * reading of the coarse clock, and asks for the limit only when it was
 * interrupted.
 */
#ifndef HOOKS_TRANSFER_H
#define HOOKS_TRANSFER_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "preload/facts/waiting.h"
#include "preload/ground/hook.h"
#include "preload/ground/sys.h"

/* After a failure: whether our own signal alone interrupted the transfer, which
 * is then due again. False with EAGAIN in errno: its time is over.
 * `begun`: clock_coarse_ns() at its beginning. */
bool transfer_resumes(struct waiting *wait, int fd, short events, uint64_t begun);

/* As WATCHES, of a descriptor whose parameter is called fd. `events` is what
 * poll() would wait for. */
#define TRANSFERS(events, ret, function, params, args)                                             \
    HOOK(function);                                                                                \
    HOOK_EXPORT ret function params                                                                \
    {                                                                                              \
        TRANSFER(ret, function, args, fd, events);                                                 \
        if (guard_may_record(GUARD_FRAME()))                                                       \
            fd_used(fd);                                                                           \
        return result;                                                                             \
    }

/* The call itself, for hooks that are written out: declares `result`. */
#define TRANSFER(ret, function, args, fd, events)                                                  \
    WAITING(wait);                                                                                 \
    uint64_t begun = clock_coarse_ns();                                                            \
    ret result = REAL(function) args;                                                              \
    while (result < 0 && transfer_resumes(&wait, fd, events, begun))                               \
        result = REAL(function) args;                                                              \
    waiting_end(&wait)

#endif
