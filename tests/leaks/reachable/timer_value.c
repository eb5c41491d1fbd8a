/* SPDX-License-Identifier: MIT */
/*
 * A timer that was armed for later has the only pointer to what it will need: its sigev_value. The
 * kernel hands it back when the time comes, so it is no leak.
 *
 * lsan, valgrind: false
 * expect: nothing
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

NOINLINE static timer_t arm(int number)
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
    if (IS_FIXED) {
        timer_delete(timer);
        free(reminder);
    }
    return timer;
}

int main(void)
{
    printf("%d\n", arm(1) != arm(2) || IS_FIXED);
    return 0;
}
