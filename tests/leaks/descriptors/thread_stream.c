/* SPDX-License-Identifier: MIT */
/*
 * Each of three workers writes a log and ends without closing it: stream and descriptor are held
 * by threads that are gone, with lines in the buffer that nobody has flushed.
 *
 * expect: held-after-cancel stream 3 "open_log < work" severity=warning
 */
#include <pthread.h>
#include <stdio.h>

#include "../leaks.h"

NOINLINE static FILE *open_log(void)
{
    return fopen("/dev/null", "we");
}

static void *work(void *unused)
{
    FILE *log = open_log();

    if (log)
        fputs("started\n", log);
    if (log && IS_FIXED)
        fclose(log);
    return unused;
}

int main(void)
{
    for (int number = 0; number < 3; number++) {
        pthread_t worker;

        if (pthread_create(&worker, NULL, work, NULL) || pthread_join(worker, NULL))
            return 1;
    }
    puts("three worked");
    return 0;
}
