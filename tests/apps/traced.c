/* SPDX-License-Identifier: MIT */
/*
 * A request whose id came with it: it is cancelled, with all that was begun for it, and one of
 * its parts still holds a descriptor. Another request is well. Arguments: their trace ids.
 */
#include <ctxtrace.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int show_text(const void *value, char *buffer, size_t size)
{
    return snprintf(buffer, size, "%s", (const char *)value);
}

static char who[] = "alice", secret[] = "hunter2";
static ctx_key_t user = {.name = "user", .show = show_text, .visibility = CTX_REPORT};
static ctx_key_t password = {.name = "password", .show = show_text};

__attribute__((noinline)) static int open_part(ctx_t *part)
{
    int fd = -1;

    CTX_SCOPE(part)
    fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    return fd;
}

static int serve(ctx_t *server, const char *trace_id, int goes_away)
{
    CTX_OWNED ctx_t *traced = ctx_with_trace_id(server, trace_id, "7");
    CTX_OWNED ctx_t *known = ctx_with_value(traced, &user, who);
    CTX_OWNED ctx_t *hidden = ctx_with_value(known, &password, secret);
    CTX_OWNED ctx_t *request = ctx_with_timeout(hidden, 600 * CTX_SECOND, 0, "too slow");
    CTX_OWNED ctx_t *part = ctx_with_name(request, "part");
    int fd = open_part(part);

    if (goes_away)
        ctx_cancel_cause(request, 0, "client went away");
    else
        close(fd);
    return fd;
}

int main(int argc, char **argv)
{
    CTX_OWNED ctx_t *server = ctx_with_name(NULL, "svc");

    if (argc != 3)
        return 64;
    serve(server, argv[1], 1);
    serve(server, argv[2], 0);
    puts("served");
    return 0;
}
