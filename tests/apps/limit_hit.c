/* SPDX-License-Identifier: MIT */
/* Opens until EMFILE, then gives everything back: the limit was hit all the same. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LIMIT = 32 };

__attribute__((noinline)) static int open_one(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    return fd;
}

int main(void)
{
    struct rlimit limit = {LIMIT, LIMIT};
    int fds[LIMIT + 1];
    int opened = 0;
#ifdef FIXED
    const int wanted = 8;
#else
    const int wanted = LIMIT + 1;
#endif

    if (setrlimit(RLIMIT_NOFILE, &limit))
        return 1;
    while (opened < wanted && (fds[opened] = open_one()) >= 0)
        opened++;
    puts(opened < wanted && errno == EMFILE ? "too many open files" : "enough");
    while (opened > 0)
        close(fds[--opened]);
    return 0;
}
