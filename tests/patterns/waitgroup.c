/* SPDX-License-Identifier: MIT */
/*
 * A WaitGroup that is done more often than added to, used again before all are back, or that
 * never comes to zero. (Go: the first two panic, the third is a deadlock.)
 *
 *     waitgroup negative | reused | never
 */
#include <ctxtrace.h>

#include <sched.h>
#include <stdio.h>
#include <string.h>

static ctx_waitgroup_t group = CTX_WG_INIT;

static void work(void *is_diligent)
{
    if (is_diligent)
        ctx_wg_done(&group);
}

__attribute__((noinline)) static void negative(void)
{
    ctx_wg_add(&group, 1);
    ctx_wg_done(&group);
#ifndef FIXED
    ctx_wg_done(&group);
#endif
}

static void wait_for_it(void *unused)
{
    (void)unused;
    if (ctx_wg_wait(&group, NULL) != 0)
        puts("it ended");
}

/* Until one who waits is not back when the next round begins. */
__attribute__((noinline)) static void reused(void)
{
    ctx_waitgroup_t waiters = CTX_WG_INIT;

    for (int round = 0; round < 1000 && !ctx_counted(CTXTRACE_COUNT_WG_REUSED); round++) {
        ctx_wg_add(&group, 1);
        for (int i = 0; i < 4; i++)
            if (ctx_go(NULL, &waiters, "waiter", wait_for_it, NULL) != 0)
                return;
        while (!__atomic_load_n(&group.waiting, __ATOMIC_SEQ_CST))
            sched_yield();
        ctx_wg_done(&group);
#ifdef FIXED
        wait_for_it(NULL);
        if (ctx_wg_wait(&waiters, NULL) != 0)
            return;
        return;
#endif
        ctx_wg_add(&group, 1);
        ctx_wg_done(&group);
        if (ctx_wg_wait(&waiters, NULL) != 0)
            return;
    }
}

__attribute__((noinline)) static void never(void)
{
    CTX_OWNED ctx_t *job = ctx_with_timeout(NULL, CTX_SECOND / 20, 0, "waited too long");

    for (int i = 0; i < 3; i++) {
        ctx_wg_add(&group, 1);
#ifdef FIXED
        work(&group);
#else
        work(i ? &group : NULL); /* one forgets it */
#endif
    }
    if (ctx_wg_wait(&group, job) != 0)
        puts("not all are done");
    else
        puts("all are done");
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (strcmp(what, "negative") == 0)
        negative();
    else if (strcmp(what, "reused") == 0)
        reused();
    else
        never();
    return 0;
}
