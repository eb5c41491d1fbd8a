/* SPDX-License-Identifier: MIT */
/*
 * The operations of libctx for scripts/bench: `workload_ctx NAME COUNT` does one thing COUNT
 * times and prints the nanoseconds that one took. Alone and with the tracker it is the same
 * program.
 */
#include <ctxtrace.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHILDREN 1000

static ctx_t *server, *timed;
static volatile int sink;

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Each returns the nanoseconds that count operations took. */

static double push_pop(long count)
{
    double start = now_ns();
    for (long i = 0; i < count; i++) {
        ctx_token_t token = ctx_push(server);
        ctx_pop(&token);
    }
    return now_ns() - start;
}

static double make_release(long count)
{
    double start = now_ns();
    for (long i = 0; i < count; i++) {
        ctx_t *request = ctx_with_cancel(server);
        ctx_release(request);
    }
    return now_ns() - start;
}

static double make_cancel_release(long count)
{
    double start = now_ns();
    for (long i = 0; i < count; i++) {
        CTX_OWNED ctx_t *request = ctx_with_timeout(server, CTX_SECOND, 0, NULL);
        (void)request;
    }
    return now_ns() - start;
}

static void nothing(void *arg)
{
    (void)arg;
}

static double defer_run(long count)
{
    double start = now_ns();
    for (long i = 0; i < count; i++) {
        ctx_defer(nothing, NULL);
    }
    return now_ns() - start;
}

static double look(ctx_t *context, long count)
{
    double start = now_ns();
    for (long i = 0; i < count; i++)
        sink = ctx_err(context);
    return now_ns() - start;
}

static double err(long count)
{
    return look(server, count);
}

static double err_deadline(long count)
{
    return look(timed, count);
}

/* The cancel alone, for each child of a context that has many. */
static double cancel_children(long count)
{
    static ctx_t *children[CHILDREN];
    double taken = 0;
    for (long done = 0; done < count; done += CHILDREN) {
        ctx_t *parent = ctx_with_cancel(NULL);
        for (int i = 0; i < CHILDREN; i++)
            children[i] = ctx_with_cancel(parent);
        double start = now_ns();
        ctx_cancel(parent);
        taken += now_ns() - start;
        for (int i = 0; i < CHILDREN; i++)
            ctx_release(children[i]);
        ctx_release(parent);
    }
    return taken;
}

static double make_cancel(long count)
{
    double start = now_ns();
    for (long i = 0; i < count; i++) {
        CTX_OWNED ctx_t *request = ctx_with_cancel(server);
        (void)request;
    }
    return now_ns() - start;
}

static double connect_and_not(long count)
{
    double start = now_ns();
    for (long i = 0; i < count; i++) {
        CTX_OWNED ctx_t *request = ctx_with_cancel(server);
        sink = ctx_stop(ctx_after_func(request, nothing, NULL));
    }
    return now_ns() - start;
}

static ctx_waitgroup_t group = CTX_WG_INIT;

static double add_done(long count)
{
    double start = now_ns();
    for (long i = 0; i < count; i++) {
        ctx_wg_add(&group, 1);
        ctx_wg_done(&group);
    }
    return now_ns() - start;
}

static double wait_for_none(long count)
{
    double start = now_ns();
    for (long i = 0; i < count; i++)
        sink = ctx_wg_wait(&group, server);
    return now_ns() - start;
}

static double begin_end(long count)
{
    double start = now_ns();
    for (long i = 0; i < count; i++)
        ctx_task_end(ctx_task_begin(server, "task"));
    return now_ns() - start;
}

static double enter_leave(long count)
{
    ctx_task_t *task = ctx_task_begin(server, "task");
    double start = now_ns();
    for (long i = 0; i < count; i++) {
        ctx_task_token_t token = ctx_task_enter(task);
        ctx_task_leave(&token);
    }
    double taken = now_ns() - start;
    ctx_task_end(task);
    return taken;
}

static double go_wait(long count)
{
    double start = now_ns();
    for (long i = 0; i < count; i++)
        if (ctx_go(server, &group, "worker", nothing, NULL) != 0 ||
            ctx_wg_wait(&group, server) != 0)
            exit(1);
    return now_ns() - start;
}

static const struct {
    const char *name;
    double (*run)(long count);
    int step; /* counts are made multiples of it */
} workloads[] = {
    {"push", push_pop, 1},
    {"make", make_release, 1},
    {"request", make_cancel_release, 1},
    {"defer", defer_run, 1},
    {"err", err, 1},
    {"err-deadline", err_deadline, 1},
    {"cancel", cancel_children, CHILDREN},
    {"cancelled", make_cancel, 1},
    {"connect", connect_and_not, 1},
    {"wg", add_done, 1},
    {"wg-wait", wait_for_none, 1},
    {"task", begin_end, 1},
    {"task-enter", enter_leave, 1},
    {"go", go_wait, 1},
};

int main(int argc, char **argv)
{
    long count = argc == 3 ? atol(argv[2]) : 0;
    server = ctx_with_cancel(ctx_background());
    timed = ctx_with_timeout(server, 3600 * CTX_SECOND, 0, NULL);
    for (size_t i = 0; count > 0 && i < sizeof workloads / sizeof *workloads; i++) {
        if (strcmp(workloads[i].name, argv[1]) != 0)
            continue;
        long steps = (count + workloads[i].step - 1) / workloads[i].step * workloads[i].step;
        workloads[i].run(workloads[i].step);
        printf("%.2f\n", workloads[i].run(steps) / (double)steps);
        ctx_cancel(server);
        ctx_release(timed), ctx_release(server);
        return 0;
    }
    fprintf(stderr, "usage: workload_ctx NAME COUNT, with the NAME one of\n");
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++)
        fprintf(stderr, "  %s\n", workloads[i].name);
    return 64;
}
