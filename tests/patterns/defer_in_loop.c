/* SPDX-License-Identifier: MIT */
/*
 * Files are opened in a loop and closed at the function's end, which comes too late: at the
 * limit, or when the process ends before it. (Go: defer in a loop, "too many open files".)
 *
 *     defer_in_loop many    until the limit
 *     defer_in_loop ten     ten files; seen with pile_up=8
 */
#include <ctxtrace.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LIMIT = 40, MANY = 100, TEN = 10 };

__attribute__((noinline)) static int look_into(int number)
{
    char byte;
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -1;
    if (read(fd, &byte, 1) != 1)
        printf("file %d is empty\n", number);
    return fd;
}

static void close_them(int *fds, int count)
{
    while (count > 0)
        close(fds[--count]);
}

static void look_into_all(int wanted)
{
    int fds[MANY], count = 0;

    while (count < wanted) {
        int fd = look_into(count);

        if (fd < 0) {
            printf("not all could be read\n");
            exit(0); /* the cleanup below is not reached */
        }
#ifdef FIXED
        CTX_CLOSE_FD(fd);
#else
        fds[count] = fd;
#endif
        count++;
    }
    printf("%d read\n", count);
    if (wanted == TEN)
        exit(0);
#ifndef FIXED
    close_them(fds, count);
#else
    close_them(fds, 0);
#endif
}

int main(int argc, char **argv)
{
    const struct rlimit limit = {LIMIT, LIMIT};
    CTX_OWNED ctx_t *job = ctx_with_name(NULL, "read all");

    setrlimit(RLIMIT_NOFILE, &limit);
    CTX_SCOPE(job)
    look_into_all(argc > 1 && strcmp(argv[1], "ten") == 0 ? TEN : MANY);
    return 0;
}
