/* SPDX-License-Identifier: MIT */
/*
 * One descriptor that main opens and never closes. Its sibling, opened by the
 * same function, is closed: one call site may leak once and behave once.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

__attribute__((noinline)) static int open_config(void)
{
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

    return fd;
}

int main(void)
{
    char first[4] = "";
    int kept = open_config();
    int sibling = open_config();

    if (read(kept, first, 1) != 1)
        return 1;
    close(sibling);
#ifdef FIXED
    close(kept);
#endif
    puts(first[0] == 'r' ? "read" : "read something");
    return 0;
}
