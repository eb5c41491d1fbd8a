/* SPDX-License-Identifier: MIT */
/*
 * A descriptor is duplicated so that a stream can be made of the copy. No stream can be: the mode
 * does not fit. The copy stays.
 *
 * seen: numpy/numpy#32373 npy_PyFile_Dup2 leaves the copy open when fdopen fails
 * expect: pile-up fd 20 "copy < open_stream < main" severity=warning
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "../leaks.h"

NOINLINE static int copy(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

NOINLINE static FILE *open_stream(int fd, const char *mode)
{
    int own = copy(fd);
    FILE *stream = fdopen(own, mode);

    if (!stream && IS_FIXED)
        close(own);
    return stream;
}

int main(void)
{
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC), failed = 0;
    FILE *good = open_stream(fd, "r");

    for (int turn = 0; turn < 20; turn++)
        failed += !open_stream(fd, "w");
    fclose(good);
    close(fd);
    printf("%d failed\n", failed);
    return 0;
}
