/* SPDX-License-Identifier: MIT */
/* Acquires by syscall() what libc has names for, and an io_uring, for which it has none. */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifdef FIXED
static const bool keep = false;
#else
static const bool keep = true;
#endif

#define PLACE __attribute__((noinline)) static void

static void finish(long fd, bool leak)
{
    if (!leak)
        syscall(SYS_close, fd);
}

PLACE file(bool leak)
{
    finish(syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC, 0), leak);
    if (syscall(SYS_open, "/nowhere", O_RDONLY, 0) >= 0 || errno != ENOENT)
        puts("never");
}

PLACE memory(bool leak)
{
    finish(syscall(SYS_memfd_create, "raw", 0), leak);
}

PLACE ends(bool leak)
{
    int made[2];

    syscall(SYS_pipe2, made, O_CLOEXEC);
    finish(made[0], leak);
    syscall(SYS_close, made[1]);
}

PLACE sockets(bool leak)
{
    int made[2];

    syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, made);
    finish(made[0], leak);
    syscall(SYS_close, made[1]);
    finish(syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0), false);
}

PLACE copy(bool leak)
{
    finish(syscall(SYS_fcntl, 1, F_DUPFD_CLOEXEC, 0), leak);
    if (syscall(SYS_fcntl, 1, F_GETFD) != 0)
        puts("never");
    finish(syscall(SYS_dup, 1), false);
}

/* What was there is given back by it, and what comes there is a copy. */
PLACE copy_onto(bool leak)
{
    long there = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC, 0);

    syscall(SYS_dup3, 1, there, O_CLOEXEC);
    finish(there, leak);
}

PLACE waiting(bool leak)
{
    unsigned long none = 0;
    long signals = syscall(SYS_signalfd4, -1, &none, sizeof(none), 0);

    syscall(SYS_signalfd4, signals, &none, sizeof(none), 0); /* the same one */
    syscall(SYS_close, signals);
    finish(syscall(SYS_eventfd2, 0, EFD_CLOEXEC), false);
    finish(syscall(SYS_timerfd_create, CLOCK_MONOTONIC, 0), false);
    finish(syscall(SYS_epoll_create1, EPOLL_CLOEXEC), leak);
}

PLACE ring(bool leak)
{
    struct io_uring_params facts = {0};
    long made = syscall(SYS_io_uring_setup, 1, &facts);

    if (made >= 0)
        finish(made, leak && false);
}

PLACE closed_at_once(bool leak)
{
    int first = fcntl(1, F_DUPFD_CLOEXEC, 100);

    (void)leak;
    syscall(SYS_dup, 1);
    syscall(SYS_dup2, 1, first + 1);
    syscall(SYS_close_range, first, first + 1, 0);
}

static void (*const places[])(bool leak) = {
    file, memory, ends, sockets, copy, copy_onto, waiting, ring,
};

int main(void)
{
    long before = syscall(SYS_dup, 1), after;

    syscall(SYS_close, before);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        places[i](keep);
        places[i](false);
    }
    after = syscall(SYS_dup, 1);
    closed_at_once(false);
    syscall(SYS_close, after);
    syscall(SYS_close, after + 1);
    return 0;
}
