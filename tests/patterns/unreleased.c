/* SPDX-License-Identifier: MIT */
/*
 * Each request ends its context, and forgets to release it. (Go's collector does that.)
 */
#include <ctxtrace.h>

enum { REQUESTS = 20 };

__attribute__((noinline)) static void serve(ctx_t *server)
{
    ctx_t *request = ctx_with_timeout(server, CTX_SECOND, 0, "too slow");

    ctx_finish(request, CTX_END_OK);
#ifdef FIXED
    ctx_release(request);
#endif
}

int main(void)
{
    CTX_OWNED ctx_t *server = ctx_with_cancel(NULL);

    for (int i = 0; i < REQUESTS; i++)
        serve(server);
    return 0;
}
