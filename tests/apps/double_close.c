/* SPDX-License-Identifier: MIT */
/* One descriptor closed by two functions that both think it theirs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

__attribute__((noinline)) static int open_input(void)
{
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

    return fd;
}

__attribute__((noinline)) static void finish_reading(int fd)
{
    close(fd);
}

__attribute__((noinline)) static int clean_up(int fd)
{
    int failed = close(fd);

    return failed;
}

int main(void)
{
    int fd = open_input();
    int failed = 0;

    finish_reading(fd);
#ifndef FIXED
    failed = clean_up(fd);
#else
    (void)clean_up;
#endif
    puts(failed && errno != EBADF ? strerror(errno) : "closed");
    return 0;
}
