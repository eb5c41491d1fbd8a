/* SPDX-License-Identifier: MIT */
/*
 * Cancel, and return at once: who was to give back what it holds has no time to. How long it
 * has is chance, so the verdict must not be: the argument is a delay in microseconds before
 * the cancel. (Go: cancel() as the last line of main.)
 */
#include <ctxtrace.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static ctx_waitgroup_t workers = CTX_WG_INIT;
static _Atomic int has_opened;

__attribute__((noinline)) static int open_log(void)
{
    return open("/dev/null", O_WRONLY | O_CLOEXEC);
}

static void write_log(void *unused)
{
    int log = open_log();

    (void)unused;
    CTX_CLOSE_FD(log);
    has_opened = 1;
    while (ctx_sleep(ctx_current(), CTX_SECOND) == 0)
        continue;
#ifndef FIXED
    sleep(60); /* what is to be written before it closes takes its time */
#endif
}

int main(int argc, char **argv)
{
    CTX_OWNED ctx_t *job = ctx_with_name(NULL, "log");

    if (ctx_go(job, &workers, "logger", write_log, NULL) != 0)
        return 1;
    while (!has_opened)
        usleep(10);
    usleep(argc > 1 ? (useconds_t)atoi(argv[1]) : 0);
    ctx_cancel(job);
#ifdef FIXED
    if (ctx_wg_wait(&workers, NULL) != 0)
        return 1;
#endif
    return 0;
}
