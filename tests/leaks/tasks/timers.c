/* SPDX-License-Identifier: MIT */
/*
 * A timeout for each request, as a POSIX timer that is disarmed when the answer comes and never
 * deleted.
 *
 * expect: pile-up timer 24 "set_timeout < main" severity=warning
 */
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "../leaks.h"

NOINLINE static timer_t set_timeout(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_NONE};
    struct itimerspec limit = {.it_value.tv_sec = 5};
    timer_t timer = NULL;

    timer_create(CLOCK_MONOTONIC, &event, &timer);
    timer_settime(timer, 0, &limit, NULL);
    return timer;
}

int main(void)
{
    for (int request = 0; request < 24; request++) {
        timer_t timer = set_timeout();
        struct itimerspec never = {0};

        timer_settime(timer, 0, &never, NULL);
        if (IS_FIXED)
            timer_delete(timer);
    }
    puts("24 answered in time");
    return 0;
}
