/* SPDX-License-Identifier: MIT */
/*
 * A task goes on although the context that it works for has ended: it never looks. (Go: a
 * goroutine that outlives its context.)
 */
#include <ctxtrace.h>

static ctx_waitgroup_t tasks = CTX_WG_INIT;

static void count_for_ever(void *unused)
{
    ctx_t *job = ctx_current();

    (void)unused;
#ifdef FIXED
    while (ctx_sleep(job, CTX_SECOND / 1000) == 0)
        continue;
#else
    while (ctx_sleep(NULL, CTX_SECOND) == 0) /* the background never ends */
        job = ctx_current();
#endif
    (void)job;
}

int main(void)
{
    CTX_OWNED ctx_t *job = ctx_with_name(NULL, "count");
    int failed = 1;

    CTX_SCOPE(job)
    failed = ctx_go(job, &tasks, "counter", count_for_ever, NULL);
    if (failed)
        return 1;
    ctx_cancel(job);
#ifdef FIXED
    if (ctx_wg_wait(&tasks, NULL) != 0)
        return 1;
#endif
    return 0;
}
