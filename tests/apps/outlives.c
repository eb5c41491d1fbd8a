/* SPDX-License-Identifier: MIT */
/*
 * A request starts work that goes on when it has ended, and says so: in the server's context,
 * or in one that is not cancelled with it. The contexts, their texts, the group and the thread
 * are not the request's, though it was active when they were made; a descriptor is.
 */
#include <ctxtrace.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static ctx_t *job, *traced, *detached;
static ctx_group_t *group;
static ctx_waitgroup_t going = CTX_WG_INIT;

static void work(void *nothing)
{
    (void)nothing;
    if (ctx_wait(ctx_current(), CTX_FOREVER) != 0)
        puts("not ended");
}

__attribute__((noinline)) static int open_config(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static void begin_work(ctx_t *server, ctx_t *request)
{
    ctx_t *timed = ctx_with_timeout(server, 600 * CTX_SECOND, 0, "the job takes too long");

    job = ctx_with_name(timed, "job");
    traced = ctx_with_trace_id(job, "req-12345", "7");
    detached = ctx_without_cancel(request);
    group = ctx_eg_new(server);
    if (ctx_go(job, &going, "job", work, NULL) != 0)
        puts("no thread");
    ctx_release(timed);
}

static void serve(ctx_t *server)
{
    CTX_OWNED ctx_t *timed = ctx_with_timeout(server, CTX_SECOND, 0, "too slow");
    CTX_OWNED ctx_t *request = ctx_with_name(timed, "request");

    CTX_SCOPE(request)
    {
        int config = open_config();
        begin_work(server, request);
#ifdef FIXED
        close(config);
#else
        (void)config;
#endif
    }
    ctx_cancel_cause(timed, 0, "client went away");
}

int main(void)
{
    CTX_OWNED ctx_t *server = ctx_with_name(ctx_background(), "server");

    serve(server);
    (void)!ctx_snapshot("/dev/null"); /* and the dump */
    ctx_eg_free(group);
    ctx_release(detached);
    ctx_release(traced);
    ctx_release(job);
    ctx_cancel(server);
    if (ctx_wg_wait(&going, ctx_background()) != 0)
        puts("not done");
    puts("served");
    return 0;
}
