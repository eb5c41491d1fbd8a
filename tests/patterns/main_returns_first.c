/* SPDX-License-Identifier: MIT */
/*
 * main returns while others are at work: their cleanups are skipped. (Go: deferred functions of
 * other goroutines do not run when main returns.)
 */
#include <ctxtrace.h>

#include <unistd.h>

static ctx_waitgroup_t workers = CTX_WG_INIT;
static _Atomic int at_work;

static void remove_lock_file(void *name)
{
    unlink(name);
}

static void work(void *name)
{
    ctx_defer(remove_lock_file, name);
    at_work = 1;
    if (ctx_wait(ctx_current(), CTX_FOREVER) != 0)
        return;
}

int main(void)
{
    static char name[] = "/tmp/a.lock.that.is.not.there";
    ctx_t *job = ctx_with_cancel(NULL);

    if (ctx_go(job, &workers, "worker", work, name) != 0)
        return 1;
    while (!at_work)
        usleep(100);
#ifdef FIXED
    ctx_cancel(job);
    if (ctx_wg_wait(&workers, NULL) != 0)
        return 1;
#endif
    ctx_release(job);
    return 0;
}
