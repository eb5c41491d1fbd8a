/* SPDX-License-Identifier: MIT */
/*
 * Requests with a deadline, each a context of its own: what one of them acquired is still
 * held after it has ended. Another one's is given back in time, and a pooled connection
 * is the server's, not the request's.
 */
#include <ctxtrace.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { REQUESTS = 3, FORGETFUL = 1 };

static int pooled = -1;
static char *volatile last_answer;

__attribute__((noinline)) static int load_config(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

__attribute__((noinline)) static char *make_answer(void)
{
    return calloc(1, 100);
}

__attribute__((noinline)) static void serve(int number)
{
    int config = load_config();
    char *answer = make_answer();

    if (number == FORGETFUL) {
        last_answer = answer; /* a later request would have given it back */
#ifndef FIXED
        return;
#endif
    }
    free(answer);
    close(config);
}

int main(void)
{
    CTX_OWNED ctx_t *server = ctx_with_name(NULL, "orders");

    if (!server)
        return 1;
    CTX_SCOPE(server)
    pooled = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (int number = 0; number < REQUESTS; number++) {
        CTX_OWNED ctx_t *timed = ctx_with_timeout(server, CTX_SECOND, 0, "too slow");
        CTX_OWNED ctx_t *request = ctx_with_name(timed, "req:/v1/orders");

        CTX_SCOPE(request)
        serve(number);
        if (number == FORGETFUL)
            ctx_cancel_cause(timed, 0, "client went away");
    }
    close(pooled);
    puts("served");
    return 0;
}
