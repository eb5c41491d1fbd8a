/* SPDX-License-Identifier: MIT */
/*
 * What programs do wrong with libctx, and waits that end undone: each is counted, and survived.
 * Not run with the tracker, where each is a finding.
 */
#include <signal.h>
#include <sys/wait.h>

#include "unit.h"

#define THREADS 8

static int rounds = 500; /* 50 where CTX_TEST_BRIEF is set: under valgrind */

static void must(int failed)
{
    assert_int_equal(failed, 0);
}

static void await(ctx_waitgroup_t *group)
{
    must(ctx_wg_wait(group, ctx_background()));
}

/* How many more of these there are than at the last call. */
static uint64_t more(enum ctxtrace_count what)
{
    static uint64_t seen[CTXTRACE_COUNTS];
    uint64_t before = seen[what];
    seen[what] = ctx_counted(what);
    return seen[what] - before;
}

static int begin(void **state)
{
    for (int i = 0; i < CTXTRACE_COUNTS; i++)
        more((enum ctxtrace_count)i);
    return 0;
}

static void assert_current(ctx_t *context)
{
    assert_ptr_equal(ctx_current(), context);
}

/* ---- contexts ---- */

static void contexts_after_their_release(void **state)
{
    uint64_t nulls = ctx_counted(CTXTRACE_COUNT_NULL);
    uint64_t released = ctx_counted(CTXTRACE_COUNT_RELEASED);
    uint64_t abandoned = ctx_counted(CTXTRACE_COUNT_ABANDONED);
    assert_int_equal(ctx_err(NULL), 0);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_NULL), nulls + 1);
    ctx_t *gone = ctx_with_cancel(ctx_background());
    ctx_release(gone);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_ABANDONED), abandoned + 1);
    ctx_release(gone);
    ctx_cancel(gone);
    assert_int_equal(ctx_err(gone), ECANCELED);
    assert_int_equal(ctx_wait(gone, CTX_FOREVER), 0);
    assert_cause(gone, EBADF, "used after its release");
    ctx_t *child = ctx_with_cancel(gone);
    assert_int_equal(ctx_err(child), ECANCELED);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_RELEASED), released + 6);
    ctx_release(child);
    ctx_release(NULL);
    ctx_t *named = ctx_with_name(ctx_background(), "no one has to end this");
    ctx_release(named);
    ctx_t *ended = ctx_with_cancel(ctx_background());
    ctx_finish(ended, CTX_END_OK);
    ctx_release(ended);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_ABANDONED), abandoned + 1);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_NULL), nulls + 1);
    assert_int_equal(ctx_counted((enum ctxtrace_count)1000), 0);
}

/* Counted, not followed. */
static void released_children(void **state)
{
    ctx_t *parent = ctx_with_cancel(NULL);
    for (int i = 0; i < 1000; i++) {
        ctx_t *cancelled = ctx_with_cancel(parent), *released = ctx_with_name(parent, "released");
        ctx_cancel(cancelled);
        ctx_release(released);
        ctx_release(cancelled);
        assert_int_equal(ctx_err(released), ECANCELED);
    }
    ctx_cancel(parent), ctx_release(parent);
}

static void dropped_captures(void **state)
{
    ctx_t *context = ctx_with_name(NULL, "n");
    ctx_captured_t captured;
    CTX_SCOPE(context)
    captured = ctx_capture();
    ctx_release(context); /* captured owns one, too */
    assert_string_equal(ctx_name(context), "n");
    ctx_drop(&captured);
    assert_int_equal(ctx_err(context), ECANCELED); /* it is gone */
}

/* ---- pops ---- */

static void pop_out_of_order_unwinds(void **state)
{
    ctx_t *contexts[3];
    ctx_token_t tokens[3];
    uint64_t wrong = ctx_counted(CTXTRACE_COUNT_OUT_OF_ORDER);
    for (int i = 0; i < 3; i++) {
        contexts[i] = ctx_with_name(NULL, "n");
        tokens[i] = ctx_push(contexts[i]);
    }
    ctx_pop(&tokens[1]);
    assert_current(contexts[0]);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_OUT_OF_ORDER), wrong + 1);
    ctx_pop(&tokens[2]); /* gone with the other */
    assert_current(contexts[0]);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_OUT_OF_ORDER), wrong + 2);
    ctx_pop(&tokens[0]);
    ctx_pop(&tokens[0]);
    assert_current(ctx_background());
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_OUT_OF_ORDER), wrong + 3);
    for (int i = 0; i < 3; i++)
        ctx_release(contexts[i]);
}

/* A push that was unwound has no pop any more, though others are as deep by now. */
static void stale_pops_are_counted(void **state)
{
    ctx_t *context = ctx_with_name(NULL, "n"), *other = ctx_with_name(NULL, "o");
    ctx_token_t first = ctx_push(context), stale = ctx_push(context);
    ctx_pop(&first);
    uint64_t counted = ctx_counted(CTXTRACE_COUNT_OUT_OF_ORDER);
    ctx_token_t third = ctx_push(other), fourth = ctx_push(other);
    ctx_pop(&stale);
    assert_true(ctx_counted(CTXTRACE_COUNT_OUT_OF_ORDER) == counted + 1);
    assert_current(other);
    ctx_pop(&fourth);
    assert_current(other);
    ctx_pop(&third);
    assert_current(ctx_background());
    assert_true(ctx_counted(CTXTRACE_COUNT_OUT_OF_ORDER) == counted + 1);
    ctx_release(context), ctx_release(other);
}

static void pop_one(void *token)
{
    ctx_pop(token);
    assert_current(ctx_background());
}

static void popped_elsewhere(void **state)
{
    ctx_waitgroup_t group = CTX_WG_INIT;
    ctx_t *context = ctx_with_name(NULL, "n");
    ctx_token_t token = ctx_push(context);
    must(ctx_go(ctx_background(), &group, "pops", pop_one, &token));
    await(&group);
    assert_int_equal(more(CTXTRACE_COUNT_POPPED_ELSEWHERE), 1);
    assert_current(context);
    ctx_pop(&token); /* it can be popped yet */
    assert_current(ctx_background());
    assert_int_equal(more(CTXTRACE_COUNT_POPPED_ELSEWHERE), 0);
    assert_int_equal(more(CTXTRACE_COUNT_OUT_OF_ORDER), 0);
    assert_int_equal(more(CTXTRACE_COUNT_LEFT_ATTACHED), 0);
    ctx_release(context);
}

static ctx_token_t forgotten;

static void push_twice(void *context)
{
    forgotten = ctx_push(context);
    forgotten = ctx_push(context);
}

static void *push_in_a_plain_thread(void *context)
{
    push_twice(context);
    return context;
}

static void left_attached(void **state)
{
    ctx_waitgroup_t group = CTX_WG_INIT;
    pthread_t thread;
    ctx_t *context = ctx_with_name(NULL, "n");
    must(ctx_go(ctx_background(), &group, "pushes", push_twice, context));
    await(&group);
    assert_int_equal(more(CTXTRACE_COUNT_LEFT_ATTACHED), 1);
    must(pthread_create(&thread, NULL, push_in_a_plain_thread, context));
    pthread_join(thread, NULL);
    assert_int_equal(more(CTXTRACE_COUNT_LEFT_ATTACHED), 1);
    assert_int_equal(more(CTXTRACE_COUNT_OUT_OF_ORDER), 0);
    ctx_release(context);
}

static void tasks_left_out_of_order(void **state)
{
    ctx_t *context = ctx_with_name(NULL, "n");
    ctx_task_t *one = ctx_task_begin(context, "one"), *other = ctx_task_begin(context, "other");
    ctx_task_token_t outer = ctx_task_enter(one), inner = ctx_task_enter(other);
    ctx_task_leave(&outer);
    assert_current(ctx_background());
    ctx_task_leave(&inner);
    assert_int_equal(more(CTXTRACE_COUNT_OUT_OF_ORDER), 2);
    assert_null(outer.context);
    assert_null(inner.context); /* owns it no more */
    ctx_task_leave(&inner), ctx_task_leave(NULL);
    assert_int_equal(more(CTXTRACE_COUNT_OUT_OF_ORDER), 1);
    ctx_task_end(one), ctx_task_end(other);
    ctx_release(context);
}

/* ---- WaitGroups ---- */

static void negative(void **state)
{
    ctx_waitgroup_t group = CTX_WG_INIT;
    ctx_wg_add(&group, 1);
    ctx_wg_done(&group);
    assert_int_equal(more(CTXTRACE_COUNT_WG_NEGATIVE), 0);
    ctx_wg_done(&group);
    assert_int_equal(more(CTXTRACE_COUNT_WG_NEGATIVE), 1);
    assert_int_equal(ctx_wg_count(&group), 0);
    ctx_wg_add(&group, 2), ctx_wg_add(&group, -5);
    assert_int_equal(more(CTXTRACE_COUNT_WG_NEGATIVE), 1);
    assert_int_equal(ctx_wg_count(&group), 0);
    ctx_wg_add(&group, INT32_MAX), ctx_wg_add(&group, 1);
    assert_int_equal(more(CTXTRACE_COUNT_WG_NEGATIVE), 1);
    assert_int_equal(ctx_wg_count(&group), INT32_MAX);
}

static void wait_for_it(void *group)
{
    await(group);
}

static bool somebody_waits(const ctx_waitgroup_t *group)
{
    return __atomic_load_n(&group->waiting, __ATOMIC_SEQ_CST) != 0;
}

/* All who wait are released, though the count is not 0 any more when they look; but for those who
 * came only then, and are by the second done. In some round some are not back that soon. */
static void reused(void **state)
{
    uint64_t noticed = 0;
    for (int round = 0; round < rounds / 10 || (!noticed && round < 100 * rounds); round++) {
        ctx_waitgroup_t group = CTX_WG_INIT, waiters = CTX_WG_INIT;
        ctx_wg_add(&group, 1);
        for (int i = 0; i < THREADS; i++)
            must(ctx_go(ctx_background(), &waiters, "waits", wait_for_it, &group));
        while (!somebody_waits(&group))
            sched_yield();
        ctx_wg_done(&group);
        ctx_wg_add(&group, 1);
        noticed += more(CTXTRACE_COUNT_WG_REUSED);
        ctx_wg_done(&group);
        await(&waiters);
    }
    assert_true(noticed > 0);
    assert_int_equal(more(CTXTRACE_COUNT_WG_NEGATIVE), 0);
}

static void destroyed(void **state)
{
    ctx_waitgroup_t group = CTX_WG_INIT, waiters = CTX_WG_INIT;
    ctx_wg_destroy(&group);
    assert_int_equal(more(CTXTRACE_COUNT_WG_DESTROYED), 0);
    ctx_wg_add(&group, 2);
    ctx_wg_destroy(&group);
    assert_int_equal(more(CTXTRACE_COUNT_WG_DESTROYED), 1);
    assert_int_equal(ctx_wg_count(&group), 2);
    must(ctx_go(ctx_background(), &waiters, "waits", wait_for_it, &group));
    while (!somebody_waits(&group))
        sched_yield();
    ctx_wg_destroy(&group);
    assert_int_equal(more(CTXTRACE_COUNT_WG_DESTROYED), 1);
    ctx_wg_add(&group, -2);
    await(&waiters);
    ctx_wg_destroy(&group);
    assert_int_equal(more(CTXTRACE_COUNT_WG_DESTROYED), 0);
}

static _Atomic int go_on;

static int stay(void *unused)
{
    comes(&go_on, 1);
    return 0;
}

static void group_freed_early(void **state)
{
    ctx_group_t *group = ctx_eg_new(ctx_background());
    ctx_t *context = ctx_ref(ctx_eg_context(group));
    go_on = 0;
    for (int i = 0; i < 3; i++)
        must(ctx_eg_go(group, "stays", stay, NULL));
    ctx_eg_free(group);
    assert_int_equal(more(CTXTRACE_COUNT_WG_DESTROYED), 1);
    assert_int_equal(ctx_err(context), ECANCELED);
    go_on = 1;
    ctx_release(context);
}

/* ---- waits that their context ends ---- */

static void undone(void **state)
{
    ctx_waitgroup_t group = CTX_WG_INIT;
    ctx_t *context = ctx_with_cancel(NULL);
    ctx_t *timed = ctx_with_timeout(context, A_WHILE, 0, NULL);
    ctx_wg_add(&group, 1);
    assert_int_equal(ctx_wg_wait(&group, timed), -1);
    assert_int_equal(errno, ETIMEDOUT);
    assert_int_equal(more(CTXTRACE_COUNT_WG_UNDONE), 1);
    assert_int_equal(ctx_wg_count(&group), 1);
    ctx_cancel(context);
    assert_int_equal(ctx_wg_wait(&group, context), -1);
    assert_int_equal(errno, ECANCELED);
    assert_int_equal(more(CTXTRACE_COUNT_WG_UNDONE), 1);
    ctx_wg_done(&group);
    must(ctx_wg_wait(&group, context));
    assert_int_equal(more(CTXTRACE_COUNT_WG_UNDONE), 0);
    assert_int_equal(more(CTXTRACE_COUNT_WG_REUSED), 0);
    ctx_release(timed), ctx_release(context);
}

struct waiter {
    ctx_waitgroup_t *group;
    ctx_t *context;
    int result;
};

static void wait_beside(void *arg)
{
    struct waiter *waiter = arg;
    waiter->result = ctx_wg_wait(waiter->group, waiter->context) == 0 ? 0 : errno;
}

/* Each in a context of its own; half of them are ended, the others are released by the count. */
static void each_wakes_as_it_should(void **state)
{
    for (int round = 0; round < rounds / 5; round++) {
        ctx_waitgroup_t group = CTX_WG_INIT, waiters[2] = {CTX_WG_INIT, CTX_WG_INIT};
        struct waiter all[THREADS];
        ctx_wg_add(&group, 1);
        for (int i = 0; i < THREADS; i++) {
            all[i] = (struct waiter){&group, ctx_with_cancel(NULL), -1};
            must(ctx_go(ctx_background(), &waiters[i % 2], "waits", wait_beside, &all[i]));
        }
        if (round % 2)
            while (!somebody_waits(&group))
                sched_yield();
        for (int i = 0; i < THREADS; i += 2)
            ctx_cancel(all[i].context);
        await(&waiters[0]);
        ctx_wg_done(&group);
        await(&waiters[1]);
        for (int i = 0; i < THREADS; i++) {
            assert_int_equal(all[i].result, i % 2 ? 0 : ECANCELED);
            ctx_cancel(all[i].context), ctx_release(all[i].context);
        }
    }
}

static ctx_t *volatile target;

static void cancel_target(int signal)
{
    ctx_cancel_from_signal(target, 0);
}

static void handlers_end_waits(void **state)
{
    struct sigaction action = {.sa_handler = cancel_target};
    sigaction(SIGUSR2, &action, NULL);
    for (int round = 0; round < 20; round++) {
        ctx_waitgroup_t group = CTX_WG_INIT, waiters = CTX_WG_INIT;
        struct waiter waiter = {&group, ctx_with_cancel(NULL), -1};
        target = waiter.context;
        ctx_wg_add(&group, 1);
        must(ctx_go(ctx_background(), &waiters, "waits", wait_beside, &waiter));
        if (round % 2)
            while (!somebody_waits(&group))
                sched_yield();
        raise(SIGUSR2);
        await(&waiters);
        assert_int_equal(waiter.result, ECANCELED);
        ctx_release(waiter.context);
    }
}

/* ---- by option, the end ---- */

static bool ends_by_abort(int said, const char *variable)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        ctx_waitgroup_t group = CTX_WG_INIT;
        signal(SIGABRT, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr))
            _exit(1);
        if (variable)
            setenv("CTXTRACE_ABORT_ON_MISUSE", variable, 1);
        if (said >= 0)
            ctx_abort_on_misuse(said);
        ctx_wg_done(&group);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT));
    return status != 0;
}

static void aborts_by_option(void **state)
{
    unsetenv("CTXTRACE_ABORT_ON_MISUSE");
    assert_false(ends_by_abort(-1, NULL));
    assert_true(ends_by_abort(1, NULL));
    assert_true(ends_by_abort(-1, "1"));
    assert_false(ends_by_abort(-1, "0"));
    assert_false(ends_by_abort(0, "1"));
}

#define UNIT(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    if (getenv("CTX_TEST_BRIEF"))
        rounds = 50;
    const struct CMUnitTest tests[] = {
        UNIT(contexts_after_their_release),
        UNIT(released_children),
        UNIT(dropped_captures),
        UNIT(pop_out_of_order_unwinds),
        UNIT(stale_pops_are_counted),
        UNIT(popped_elsewhere),
        UNIT(left_attached),
        UNIT(tasks_left_out_of_order),
        UNIT(negative),
        UNIT(reused),
        UNIT(destroyed),
        UNIT(group_freed_early),
        UNIT(undone),
        UNIT(each_wakes_as_it_should),
        UNIT(handlers_end_waits),
        UNIT(aborts_by_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
