/* SPDX-License-Identifier: MIT */
/*
 * On one way out of a function the context that it made is neither ended nor released, and
 * nobody else has it. (Go: go vet's lostcancel.)
 */
#include <ctxtrace.h>

#include <stdio.h>

enum { REQUESTS = 5, UNKNOWN = 3 };

__attribute__((noinline)) static const char *answer(ctx_t *server, int number)
{
#ifdef FIXED
    CTX_OWNED ctx_t *request = ctx_with_cancel(server);
#else
    ctx_t *request = ctx_with_cancel(server);
#endif

    if (!request || number == UNKNOWN)
        return "not found";
    ctx_finish(request, CTX_END_OK);
#ifndef FIXED
    ctx_release(request);
#endif
    return "found";
}

int main(void)
{
    ctx_t *server = ctx_background();

    for (int number = 0; number < REQUESTS; number++)
        puts(answer(server, number));
    return 0;
}
