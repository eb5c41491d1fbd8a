/* SPDX-License-Identifier: MIT */
/*
 * A function that waits for something makes an epoll set, a timer and an inotify descriptor for
 * each call, and closes the first of the three.
 *
 * seen: grafana/pyroscope-rs#126 a timer's and an epoll set's descriptor stay when the loop fails
 * expect: pile-up event 20 "new_timer < wait_a_little < main" severity=warning
 * expect: pile-up event 20 "new_watch < wait_a_little < main" severity=warning
 */
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "../leaks.h"

NOINLINE static int new_timer(void)
{
    struct itimerspec soon = {.it_value.tv_nsec = 1};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

    timerfd_settime(fd, 0, &soon, NULL);
    return fd;
}

NOINLINE static int new_watch(void)
{
    return inotify_init1(IN_CLOEXEC);
}

NOINLINE static int wait_a_little(void)
{
    int loop = epoll_create1(EPOLL_CLOEXEC), timer = new_timer(), watch = new_watch(), events;
    struct epoll_event event = {.events = EPOLLIN};

    epoll_ctl(loop, EPOLL_CTL_ADD, timer, &event);
    epoll_ctl(loop, EPOLL_CTL_ADD, watch, &event);
    events = epoll_wait(loop, &event, 1, 1000);
    if (IS_FIXED) {
        close(timer);
        close(watch);
    }
    close(loop);
    return events;
}

int main(void)
{
    int events = 0;

    for (int turn = 0; turn < 20; turn++)
        events += wait_a_little();
    printf("%d\n", events);
    return 0;
}
