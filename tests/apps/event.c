/* SPDX-License-Identifier: MIT */
/* An epoll set and the eventfd and timerfd registered in it, all three kept. */
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

struct loop {
    int epoll;
    int wake;
    int timer;
};

__attribute__((noinline)) static int open_loop(struct loop *loop)
{
    struct epoll_event event = {.events = EPOLLIN};

    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->wake = eventfd(1, EFD_CLOEXEC);
    loop->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake, &event))
        return -1;
    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->timer, &event);
}

int main(void)
{
    struct epoll_event event;
    struct loop loop;

    if (open_loop(&loop) || epoll_wait(loop.epoll, &event, 1, 1000) != 1)
        return 1;
#ifdef FIXED
    close(loop.timer);
    close(loop.wake);
    close(loop.epoll);
#endif
    puts("woken");
    return 0;
}
