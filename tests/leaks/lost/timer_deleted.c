/* SPDX-License-Identifier: MIT */
/*
 * A timer is deleted before it expired, and with it goes the only pointer to its argument, which
 * the handler would have freed.
 *
 * expect: unreachable memory 1 "arm < main" bytes=104
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../leaks.h"

struct reminder {
    int number;
    char text[100];
};

NOINLINE static timer_t arm(int number, struct reminder **ret_reminder)
{
    struct reminder *reminder = calloc(1, sizeof(*reminder));
    struct itimerspec later = {.it_value.tv_sec = 3600};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
    timer_t timer;

    if (!reminder)
        exit(1);
    reminder->number = number;
    event.sigev_value.sival_ptr = reminder;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &later, NULL))
        exit(1);
    if (IS_FIXED)
        *ret_reminder = reminder;
    return timer;
}

int main(void)
{
    struct reminder *reminder = NULL;
    timer_t timer = arm(1, &reminder);

    timer_delete(timer);
    free(reminder);
    puts("called off");
    return 0;
}
