/* SPDX-License-Identifier: MIT */
/*
 * A worker makes a pipe to be woken up by and ends without it having been needed.
 *
 * expect: held-after-cancel pipe 2 "make_wakeup < work" severity=warning
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "../leaks.h"

NOINLINE static int make_wakeup(int *ends)
{
    return pipe2(ends, O_CLOEXEC | O_NONBLOCK);
}

static void *work(void *unused)
{
    int ends[2];

    if (make_wakeup(ends))
        return unused;
    if (IS_FIXED) {
        close(ends[0]);
        close(ends[1]);
    }
    return unused;
}

int main(void)
{
    pthread_t worker;

    if (pthread_create(&worker, NULL, work, NULL) || pthread_join(worker, NULL))
        return 1;
    puts("worked");
    return 0;
}
