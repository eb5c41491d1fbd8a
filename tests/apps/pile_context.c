/* SPDX-License-Identifier: MIT */
/*
 * Twenty files that a loop opens in a context, to be closed when that ends: and the process
 * ends first. Corrected, each round closes its own.
 */
#include <ctxtrace.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { ROUNDS = 20 };

static ctx_t *server;

__attribute__((noinline)) static int open_entry(void)
{
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

    return fd;
}

int main(void)
{
    server = ctx_with_cancel(NULL);
    CTX_SCOPE(server)
    {
        for (int i = 0; i < ROUNDS; i++) {
            int fd = open_entry();

            if (fd < 0)
                return 1;
#ifdef FIXED
            close(fd);
#endif
        }
    }
    puts("done");
    return 0;
}
