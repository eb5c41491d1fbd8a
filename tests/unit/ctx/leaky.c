/* SPDX-License-Identifier: MIT */
/* A request that leaves a descriptor behind, and what libctx itself holds (test_traced.py). */
#include <ctxtrace.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void nothing(void *unused)
{
    (void)unused;
}

int main(int argc, char **argv)
{
    const int is_fixed = argc > 1 && strcmp(argv[1], "fixed") == 0;
    ctx_t *server = ctx_with_name(ctx_background(), "server");
    ctx_t *request = ctx_with_cancel(server), *named = ctx_with_name(request, "request");
    ctx_t *traced = ctx_with_trace_id(named, "req-12345", NULL);
    CTX_SCOPE(traced)
    {
        int fd = open("/dev/null", O_RDONLY);
        void *block = malloc(1000);
        if (fd < 0 || ctx_done_fd(traced) < 0)
            return 2;
        if (is_fixed)
            close(fd);
        free(block);
    }
    ctx_cancel_cause(request, 1, "client %d went away", 7);
    /* Both stay: the descriptor of one that nobody releases, and the helper. */
    if (ctx_done_fd(server) < 0 || !ctx_after_func(server, nothing, NULL))
        return 2;
    ctx_release(traced), ctx_release(named), ctx_release(request);
    struct timespec more_than_the_grace = {.tv_nsec = 300000000};
    nanosleep(&more_than_the_grace, NULL);
    return 0;
}
