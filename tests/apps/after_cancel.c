/* SPDX-License-Identifier: MIT */
/*
 * Work that goes on when it is no longer wanted, and opens two more files: after a cancel, and
 * after a deadline that nobody looks at. Corrected, it looks before it opens.
 */
#include <ctxtrace.h>

#include <fcntl.h>
#include <stdio.h>
#include <time.h>

enum { SOME_MS = 40 };

static long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void work_for(long ms)
{
    const struct timespec step = {0, 1000000};
    long until = now_ms() + ms;

    while (now_ms() < until)
        nanosleep(&step, NULL);
}

__attribute__((noinline)) static void open_next(ctx_t *context)
{
#ifdef FIXED
    if (ctx_err(context))
        return;
#endif
    CTX_SCOPE(context)
    (void)open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

int main(void)
{
    ctx_t *cancelled = ctx_with_cancel(NULL);
    ctx_t *timed = ctx_with_timeout(NULL, CTX_SECOND / 1000, 0, NULL);

    ctx_cancel(cancelled);
    work_for(SOME_MS);
    open_next(cancelled);
    open_next(timed);
    puts("done");
    ctx_release(timed);
    ctx_release(cancelled);
    return 0;
}
