/* SPDX-License-Identifier: MIT */
/* Each misuse once, that the tracker tells of it (test_traced_misuse.py): misused NAME. */
#include <ctxtrace.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static ctx_waitgroup_t group = CTX_WG_INIT;
static ctx_token_t token;
static ctx_t *request;

static void negative(void)
{
    ctx_wg_done(&group);
}

static void wait_for_it(void *unused)
{
    (void)unused;
    if (ctx_wg_wait(&group, ctx_background()) != 0)
        return;
}

/* Until somebody is not back that soon. */
static void reused(void)
{
    ctx_waitgroup_t waiters = CTX_WG_INIT;
    while (!ctx_counted(CTXTRACE_COUNT_WG_REUSED)) {
        ctx_wg_add(&group, 1);
        for (int i = 0; i < 4; i++)
            if (ctx_go(ctx_background(), &waiters, "waiter", wait_for_it, NULL) != 0)
                return;
        while (!__atomic_load_n(&group.waiting, __ATOMIC_SEQ_CST))
            sched_yield();
        ctx_wg_done(&group);
        ctx_wg_add(&group, 1);
        ctx_wg_done(&group);
        if (ctx_wg_wait(&waiters, ctx_background()) != 0)
            return;
    }
}

static void destroyed(void)
{
    ctx_wg_add(&group, 3);
    ctx_wg_destroy(&group);
}

static void undone(void)
{
    ctx_wg_add(&group, 2);
    ctx_cancel(request);
    if (ctx_wg_wait(&group, request) == 0)
        return;
}

static void work_a_while(void *turns)
{
    for (long i = 0; i < (long)turns; i++)
        sched_yield();
}

/* Nothing is wrong with work that is done a little later, whoever of the two is first. */
static void late_done(void)
{
    for (long round = 0; round < 300; round++) {
        ctx_waitgroup_t late = CTX_WG_INIT;
        ctx_t *ends = ctx_with_cancel(request);
        for (long i = 0; i < 3; i++)
            if (ctx_go(ends, &late, "late", work_a_while, (void *)(round % 20 * i)) != 0)
                break;
        ctx_cancel(ends);
        while (ctx_wg_wait(&late, ends) != 0)
            continue;
        ctx_release(ends);
    }
}

static void pop_order(void)
{
    ctx_token_t outer = ctx_push(request), inner = ctx_push(ctx_background());
    ctx_pop(&outer);
    (void)inner;
}

static void *pop_it(void *unused)
{
    ctx_pop(&token);
    return unused;
}

static void *push_it(void *unused)
{
    token = ctx_push(request);
    return unused;
}

static void in_a_thread(void *(*body)(void *))
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, NULL) == 0)
        pthread_join(thread, NULL);
}

static void pop_elsewhere(void)
{
    token = ctx_push(request);
    in_a_thread(pop_it);
    ctx_pop(&token);
}

static void left_attached(void)
{
    in_a_thread(push_it);
}

static void add_one(void *sum)
{
    ++*(int *)sum;
}

static _Atomic int has_context;
static void *volatile kept;

static void *keep_context(void *unused)
{
    ctx_t *context = ctx_with_cancel(ctx_background());
    has_context = 1;
    if (ctx_wait(context, CTX_FOREVER) == 0)
        ctx_release(context);
    return unused;
}

/* What only a thread of its parent's has is not lost in a fork's child. */
static void forked(void)
{
    pthread_t thread;
    int status = 0;
    if (pthread_create(&thread, NULL, keep_context, NULL) != 0)
        return;
    while (!has_context)
        sched_yield();
    pid_t child = fork();
    if (child == 0) {
        kept = malloc(100);
        exit(kept == NULL);
    }
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        _exit(WEXITSTATUS(status));
    pthread_detach(thread);
}

static void none(void)
{
    int sum = 0;
    CTX_SCOPE(request)
    if (ctx_go(request, &group, "worker", add_one, &sum) != 0 || ctx_wg_wait(&group, request) != 0)
        return;
    ctx_wg_destroy(&group);
}

static const struct {
    const char *name;
    void (*run)(void);
} rows[] = {
    {"negative", negative},   {"reused", reused},
    {"destroyed", destroyed}, {"undone", undone},
    {"pop-order", pop_order}, {"pop-elsewhere", pop_elsewhere},
    {"forked", forked},       {"left-attached", left_attached},
    {"late-done", late_done}, {"none", none},
};

int main(int argc, char **argv)
{
    request = ctx_with_cancel(ctx_background());
    for (size_t i = 0; argc > 1 && i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].name, argv[1]) != 0)
            continue;
        rows[i].run();
        ctx_cancel(request), ctx_release(request);
        return 0;
    }
    fprintf(stderr, "usage: misused NAME\n");
    return 64;
}
