/* SPDX-License-Identifier: MIT */
#include "preload/hooks/transfer.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_US UINT64_C(1000)
/* The coarse clock lags by a tick at most; the limit is not to end early. */
#define TICK_NS (NS_PER_S / 100)

extern struct hook hook_ppoll; /* wait.c */

/* DEADLINE_NEVER: no limit, or no socket. */
static uint64_t transfer_deadline(int fd, short events, uint64_t begun)
{
    struct timeval limit = {0, 0};
    socklen_t length = sizeof limit;
    int option = events & POLLIN ? SO_RCVTIMEO : SO_SNDTIMEO;
    if (sys_call(SYS_getsockopt, fd, SOL_SOCKET, option, (long)&limit, (long)&length, 0) < 0 ||
        (limit.tv_sec == 0 && limit.tv_usec == 0))
        return DEADLINE_NEVER;
    return begun + (uint64_t)limit.tv_sec * NS_PER_S + (uint64_t)limit.tv_usec * NS_PER_US +
           TICK_NS;
}

bool transfer_resumes(struct waiting *wait, int fd, short events, uint64_t begun)
{
    if (!waiting_resumes(wait))
        return false;
    uint64_t deadline = transfer_deadline(fd, events, begun);
    struct pollfd one = {fd, events, 0};
    struct timespec left;
    int ready;
    do
        ready = REAL(ppoll)(&one, 1, deadline_left(deadline, &left), &wait->mask);
    while (ready < 0 && waiting_resumes(wait));
    if (ready == 0)
        errno = EAGAIN;
    if (ready <= 0)
        return false;
    /* The transfer takes no mask, and another thread may have been quicker: it
     * may block again, and must not do so with every signal blocked. */
    waiting_end(wait);
    waiting_begin(wait, wait->frame);
    return true;
}
