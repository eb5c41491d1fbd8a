/* SPDX-License-Identifier: MIT */
/*
 * A context that is but a name is released as soon as the work is set up. Nobody has ended
 * anything by that: what was acquired in it is not late, while the server lives.
 */
#include <ctxtrace.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

__attribute__((noinline)) static int open_config(ctx_t *server)
{
    ctx_t *label = ctx_with_name(server, "config");
    int fd = -1;

    CTX_SCOPE(label)
    fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    ctx_release(label);
    return fd;
}

int main(void)
{
    static ctx_t *server;
    int config;

    server = ctx_with_cancel(NULL);
    config = open_config(server);
    printf("%s\n", config < 0 ? "nothing" : "served");
#ifdef FIXED
    close(config);
    ctx_cancel(server);
    ctx_release(server);
#endif
    return 0;
}
