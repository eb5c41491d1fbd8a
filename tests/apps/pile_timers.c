/* SPDX-License-Identifier: MIT */
/* A timer for each request, which nobody deletes. */
#include <signal.h>
#include <stdio.h>
#include <time.h>

enum { REQUESTS = 20 };

__attribute__((noinline)) static void serve(void)
{
    struct sigevent none = {.sigev_notify = SIGEV_NONE};
    timer_t limit;

    if (timer_create(CLOCK_MONOTONIC, &none, &limit))
        puts("never");
#ifdef FIXED
    timer_delete(limit);
#endif
}

int main(void)
{
    for (int i = 0; i < REQUESTS; i++)
        serve();
    return 0;
}
