// SPDX-License-Identifier: MIT
/* What the files of the program waits share: see waits.c. */
#ifndef TESTS_OUTLETS_WAITS_H
#define TESTS_OUTLETS_WAITS_H

#include <errno.h>
#include <stdatomic.h>
#include <time.h>

#define WAIT_NS  50000000L
#define WAIT_MS  (int)(WAIT_NS / 1000000)
#define NS_PER_S 1000000000L

/* `wait` returns 0 when it waited for `ns`, -1 with EINTR when it was
 * interrupted, anything else when it went wrong. */
struct wait_case {
    const char *name; /* NULL behind the last */
    int (*wait)(void);
    long ns;
    atomic_int rounds;
};

/* waits_timed.c, waits_sockets.c, waits_alarmed.c */
extern struct wait_case timed_waits[], socket_waits[], alarmed_waits[];
void timed_waits_begin(void);
void timed_waits_end(void);
void socket_waits_begin(const char *fifo);
void socket_waits_end(void);
void alarmed_waits_begin(void);
void alarmed_waits_end(void);

static const struct timespec wait_time = {0, WAIT_NS};

/* For what ends by ETIMEDOUT or EAGAIN: that is its success. */
static inline int until_timeout(int result)
{
    return result < 0 && (errno == ETIMEDOUT || errno == EAGAIN) ? 0 : result;
}

#endif
