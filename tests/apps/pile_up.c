/* SPDX-License-Identifier: MIT */
/* Twenty descriptors of one place, opened in a loop that never closes: a pile. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { ROUNDS = 20 };

__attribute__((noinline)) static int open_entry(void)
{
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

    return fd;
}

int main(void)
{
    int read_bytes = 0;
    char byte;

    for (int i = 0; i < ROUNDS; i++) {
        int fd = open_entry();

        read_bytes += (int)read(fd, &byte, 1);
#ifdef FIXED
        close(fd);
#endif
    }
    printf("%d entries\n", read_bytes);
    return 0;
}
