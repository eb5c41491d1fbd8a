/* SPDX-License-Identifier: MIT */
/*
 * A cleanup is registered, its context's deadline passes, and its function does not return: it
 * waits for something else. (Go: a defer below a blocking call that does not know the context.)
 */
#include <ctxtrace.h>

#include <sched.h>
#include <stdio.h>

static ctx_waitgroup_t workers = CTX_WG_INIT;

static _Atomic int at_work;

static void say_goodbye(void *name)
{
    printf("%s: goodbye\n", (const char *)name);
}

static void work(void *name)
{
    ctx_defer(say_goodbye, name);
    at_work = 1;
#ifdef FIXED
    while (ctx_poll(ctx_current(), NULL, 0) >= 0)
        continue;
#else
    while (poll(NULL, 0, -1) >= 0)
        continue;
#endif
}

int main(void)
{
    static char name[] = "worker";
    CTX_OWNED ctx_t *job = ctx_with_timeout(NULL, CTX_SECOND / 50, 0, "took too long");

    if (ctx_go(job, &workers, "worker", work, name) != 0)
        return 1;
    while (!at_work)
        sched_yield();
    if (ctx_wait(job, CTX_FOREVER) != 0)
        return 1;
#ifdef FIXED
    if (ctx_wg_wait(&workers, NULL) != 0)
        return 1;
#else
    if (ctx_sleep(NULL, CTX_SECOND / 10) != 0) /* longer than the grace of the test */
        return 1;
#endif
    return 0;
}
