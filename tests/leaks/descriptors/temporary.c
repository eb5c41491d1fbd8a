/* SPDX-License-Identifier: MIT */
/*
 * Temporary files whose names are gone already: by tmpfile, and by mkstemp and unlink. Twenty of
 * each stay open, and use space on the disk that no folder shows.
 *
 * expect: pile-up stream 20 "by_stream < main" severity=warning
 * expect: pile-up fd 20 "by_name < main" severity=warning
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../leaks.h"

NOINLINE static int by_stream(void)
{
    FILE *file = tmpfile();
    int written = file ? fputs("data", file) : 0;

    if (file && IS_FIXED)
        fclose(file);
    return written > 0;
}

NOINLINE static int by_name(void)
{
    char path[] = "/tmp/ctxtrace-leak-XXXXXX";
    int fd = mkstemp(path), written;

    unlink(path);
    written = write(fd, "data", 4) == 4;
    if (IS_FIXED)
        close(fd);
    return written;
}

int main(void)
{
    int written = 0;

    for (int turn = 0; turn < 20; turn++)
        written += by_stream() + by_name();
    printf("%d files\n", written);
    return 0;
}
