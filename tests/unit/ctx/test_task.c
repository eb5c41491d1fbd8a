/* SPDX-License-Identifier: MIT */
/*
 * Tasks: those that are threads (ctx_go), and those that are not. Built twice, with frames that
 * can be unwound and with ones that cannot (CTX_TEST_BARE), where no cleanup handler is reached.
 */
#include <sys/wait.h>

#include "unit.h"

static int rounds = 500; /* 50 where CTX_TEST_BRIEF is set: under valgrind */

static void must(int failed)
{
    assert_int_equal(failed, 0);
}

static void await(ctx_waitgroup_t *group)
{
    must(ctx_wg_wait(group, ctx_background()));
}

static void nothing(void *unused) {}

static void abort_it(void *unused)
{
    abort();
}

/* ---- tasks that are no threads ---- */

static void entered_and_left(void **state)
{
    ctx_t *one = ctx_with_name(ctx_background(), "one");
    ctx_t *other = ctx_with_name(ctx_background(), "other");
    ctx_task_t *first = ctx_task_begin(one, "first"), *second = ctx_task_begin(other, NULL);
    assert_ptr_equal(ctx_current(), ctx_background());
    ctx_task_token_t outer = ctx_task_enter(first);
    assert_ptr_equal(ctx_current(), one);
    CTX_SCOPE(other)
    {
        ctx_task_token_t inner = ctx_task_enter(second);
        assert_ptr_equal(ctx_current(), other);
        ctx_task_blocked(second, "reply", &inner);
        ctx_task_blocked(second, NULL, NULL);
        ctx_task_leave(&inner);
    }
    assert_ptr_equal(ctx_current(), one);
    ctx_task_leave(&outer);
    assert_ptr_equal(ctx_current(), ctx_background());
    outer = ctx_task_enter(first); /* again */
    assert_ptr_equal(ctx_current(), one);
    ctx_task_leave(&outer);
    ctx_task_end(first), ctx_task_end(second), ctx_task_end(NULL);
    ctx_release(one), ctx_release(other);
}

/* It owns its context, and who is at work on it does, too. */
static void ended_while_entered(void **state)
{
    ctx_t *context = ctx_with_cancel(ctx_background());
    ctx_task_t *task = ctx_task_begin(context, "short");
    ctx_cancel(context), ctx_release(context);
    uint64_t released = ctx_counted(CTXTRACE_COUNT_RELEASED);
    ctx_task_token_t token = ctx_task_enter(task);
    ctx_task_end(task);
    assert_int_equal(ctx_err(ctx_current()), ECANCELED);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_RELEASED), released);
    ctx_task_leave(&token);
    assert_null(token.context);
}

static void end_it(void *task)
{
    ctx_task_end(task);
}

static void ended_elsewhere(void **state)
{
    ctx_waitgroup_t group = CTX_WG_INIT;
    ctx_task_t *task = ctx_task_begin(ctx_background(), "task");
    uint64_t ended = ctx_counted(CTXTRACE_COUNT_TASKS_ENDED);
    must(ctx_go(ctx_background(), &group, "ender", end_it, task));
    await(&group);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_TASKS_ENDED), ended);
    ctx_task_end(task);
    ctx_task_blocked(task, "why", NULL);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_TASKS_ENDED), ended + 2);
    CTX_SCOPE(ctx_background())
    {
        ctx_task_token_t token = ctx_task_enter(task), other = ctx_task_enter(NULL);
        assert_ptr_equal(ctx_current(), ctx_background());
        ctx_task_leave(&other), ctx_task_leave(&token);
    }
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_TASKS_ENDED), ended + 4);
    assert_ptr_equal(ctx_current(), ctx_background());
}

/* ---- threads ---- */

struct seen {
    ctx_t *current;
    ctx_waitgroup_t *group;
    int count, err;
};

static void look_around(void *arg)
{
    struct seen *seen = arg;
    seen->current = ctx_current();
    seen->count = ctx_wg_count(seen->group);
    ctx_task_blocked(NULL, "lock", seen);
    ctx_task_blocked(NULL, NULL, NULL);
}

static void in_its_context(void **state)
{
    ctx_waitgroup_t group = CTX_WG_INIT;
    struct seen seen = {.group = &group};
    ctx_t *context = ctx_with_cancel(ctx_background());
    errno = 77;
    must(ctx_go(context, &group, "worker", look_around, &seen));
    await(&group);
    assert_int_equal(errno, 77);
    assert_ptr_equal(seen.current, context);
    assert_int_equal(seen.count, 1);
    ctx_cancel(context), ctx_release(context);
}

static _Atomic int go_on;

static void use_its_context(void *arg)
{
    struct seen *seen = arg;
    comes(&go_on, 1);
    seen->err = ctx_err(ctx_current());
}

static void owns_its_context(void **state)
{
    ctx_waitgroup_t group = CTX_WG_INIT;
    struct seen seen = {0};
    uint64_t released = ctx_counted(CTXTRACE_COUNT_RELEASED);
    ctx_t *context = ctx_with_cancel(ctx_background()), *named = ctx_with_name(context, "n");
    must(ctx_go(named, &group, "worker", use_its_context, &seen));
    ctx_cancel(context);
    ctx_release(named), ctx_release(context);
    go_on = 1;
    await(&group);
    go_on = 0;
    assert_int_equal(seen.err, ECANCELED);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_RELEASED), released);
}

static void not_in_one_that_ended(void **state)
{
    ctx_waitgroup_t group = CTX_WG_INIT;
    ctx_t *context = ctx_with_cancel(ctx_background());
    ctx_t *late = ctx_with_deadline(ctx_background(), 1, 0, NULL);
    ctx_cancel(context);
    assert_int_equal(ctx_go(context, &group, "never", abort_it, NULL), -1);
    assert_int_equal(errno, ECANCELED);
    assert_int_equal(ctx_go_copy(late, &group, "never", abort_it, "x", 2), -1);
    assert_int_equal(errno, ETIMEDOUT);
    assert_int_equal(ctx_go(ctx_background(), &group, "never", NULL, NULL), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(ctx_wg_count(&group), 0);
    ctx_release(context), ctx_release(late);
}

struct copied {
    long double aligned;
    char text[32];
    _Atomic int *equal;
};

static void compare(void *arg)
{
    const struct copied *copied = arg;
    comes(&go_on, 1);
    if (copied->aligned == 1.5L && strcmp(copied->text, "as it was") == 0)
        ++*copied->equal;
}

static void copies(void **state)
{
    static _Atomic int equal;
    ctx_waitgroup_t group = CTX_WG_INIT;
    struct copied one = {1.5L, "as it was", &equal};
    for (int i = 0; i < 3; i++)
        must(ctx_go_copy(ctx_background(), &group, NULL, compare, &one, sizeof one));
    memset(&one, 0, sizeof one);
    go_on = 1;
    await(&group);
    go_on = 0;
    assert_int_equal(equal, 3);
}

/* ---- ends of threads, other than by return ---- */

static void leave(void *unused)
{
    pthread_exit(NULL);
}

static pthread_t sleeper;
static _Atomic int sleeps;

static void sleep_on(void *unused)
{
    sleeper = pthread_self();
    sleeps = 1;
    for (;;)
        pause();
}

static void done_however_it_ends(void **state)
{
    ctx_waitgroup_t group = CTX_WG_INIT;
    uint64_t left = ctx_counted(CTXTRACE_COUNT_LEFT_ATTACHED);
    for (int i = 0; i < 8; i++)
        must(ctx_go(ctx_background(), &group, "exits", leave, NULL));
    await(&group);
    must(ctx_go(ctx_background(), &group, "is cancelled", sleep_on, NULL));
    assert_true(comes(&sleeps, 1));
    pthread_cancel(sleeper);
    await(&group);
    assert_int_equal(ctx_wg_count(&group), 0);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_LEFT_ATTACHED), left);
}

#ifndef CTX_TEST_BARE
static void leave_from_a_scope(void *context)
{
    ctx_run(context, leave, NULL);
}

static void scopes_are_left_by_it(void **state)
{
    ctx_waitgroup_t group = CTX_WG_INIT;
    uint64_t left = ctx_counted(CTXTRACE_COUNT_LEFT_ATTACHED);
    must(ctx_go(ctx_background(), &group, "exits", leave_from_a_scope, ctx_background()));
    await(&group);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_LEFT_ATTACHED), left);
}
#endif

/* What a destructor of the program's pops is not left. */
static pthread_key_t popped_key;

static void pop_it(void *token)
{
    ctx_pop(token);
    free(token);
}

static void push_for_the_thread(void *context)
{
    ctx_token_t *token = malloc(sizeof *token);
    *token = ctx_push(context);
    pthread_setspecific(popped_key, token);
}

static void *push_in_a_plain_thread(void *context)
{
    push_for_the_thread(context);
    return NULL;
}

static void popped_by_a_destructor(void **state)
{
    pthread_t thread;
    uint64_t left = ctx_counted(CTXTRACE_COUNT_LEFT_ATTACHED);
    uint64_t wrong = ctx_counted(CTXTRACE_COUNT_OUT_OF_ORDER);
    must(pthread_key_create(&popped_key, pop_it));
    must(pthread_create(&thread, NULL, push_in_a_plain_thread, ctx_background()));
    pthread_join(thread, NULL);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_LEFT_ATTACHED), left);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_OUT_OF_ORDER), wrong);
    pthread_key_delete(popped_key);
}

/* ---- delays ---- */

static ctx_task_delay_t delay_of(const char *name)
{
    ctx_task_delay_t delay;
    for (unsigned i = 0; ctx_task_delays(i, &delay); i++)
        if (strcmp(delay.name, name) == 0)
            return delay;
    fail_msg("no task of this name: %s", name);
    return delay;
}

static void delays_are_kept(void **state)
{
    ctx_task_t *tasks[10];
    ctx_task_delay_t delay;
    for (int i = 0; i < 10; i++)
        tasks[i] = ctx_task_begin(ctx_background(), "queued");
    delay = delay_of("queued");
    assert_int_equal(delay.waiting, 10);
    assert_int_equal(delay.count, 0);
    assert_int_equal(delay.p99_ns, 0);
    for (int i = 0; i < 9; i++) {
        uint64_t until_ns = monotonic_ns() + (i == 8 ? A_WHILE : 1);
        while (monotonic_ns() < until_ns)
            ;
        ctx_task_token_t token = ctx_task_enter(tasks[i]);
        ctx_task_leave(&token);
        token = ctx_task_enter(tasks[i]); /* counted once */
        ctx_task_leave(&token);
    }
    delay = delay_of("queued");
    assert_int_equal(delay.waiting, 1);
    assert_int_equal(delay.count, 9);
    assert_true(delay.max_ns >= (uint64_t)A_WHILE && delay.p99_ns == delay.max_ns);
    assert_true(delay.p50_ns > 0 && delay.p50_ns <= delay.p99_ns);
    for (int i = 0; i < 10; i++)
        ctx_task_end(tasks[i]);
    assert_int_equal(delay_of("queued").waiting, 0); /* the last came never to work */
    assert_int_equal(delay_of("queued").count, 9);
}

static void delays_of_threads(void **state)
{
    ctx_waitgroup_t group = CTX_WG_INIT;
    for (int i = 0; i < 20; i++)
        must(ctx_go(ctx_background(), &group, "delayed", nothing, NULL));
    await(&group);
    ctx_task_delay_t delay = delay_of("delayed");
    assert_int_equal(delay.waiting, 0);
    assert_int_equal(delay.count, 20);
    assert_true(delay.max_ns > 0 && delay.p50_ns <= delay.max_ns);
}

static void names_are_bounded(void **state)
{
    char name[16];
    unsigned rows = 0;
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "name %d", i);
        ctx_task_end(ctx_task_begin(ctx_background(), name));
    }
    while (ctx_task_delays(rows, NULL))
        rows++;
    assert_int_equal(rows, 64);
    assert_true(ctx_counted(CTXTRACE_COUNT_TASK_NAMES_DROPPED) > 36);
    assert_int_equal(ctx_task_delays(64, NULL), 0);
}

/* ---- a child ---- */

static void stay(void *unused)
{
    comes(&go_on, 1);
}

static void children_begin_anew(void **state)
{
    ctx_waitgroup_t group = CTX_WG_INIT;
    ctx_task_t *task = ctx_task_begin(ctx_background(), "in both");
    int status = 0;
    go_on = 0;
    must(ctx_go(ctx_background(), &group, "stays", stay, NULL));
    pid_t child = fork();
    if (child == 0) {
        alarm(60);
        int count = ctx_wg_count(&group);
        group = (ctx_waitgroup_t)CTX_WG_INIT;
        bool works = ctx_go(ctx_background(), &group, "child's", nothing, NULL) == 0 &&
                     ctx_wg_wait(&group, ctx_background()) == 0;
        bool waits = delay_of("stays").waiting != 0;
        ctx_task_token_t token = ctx_task_enter(task);
        ctx_task_leave(&token);
        ctx_task_end(task);
        _exit(count == 1 && works && !waits ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    go_on = 1;
    await(&group);
    ctx_task_end(task);
}

/* ---- many ---- */

static void work(void *arg)
{
    ctx_waitgroup_t *group = arg;
    ctx_task_t *task = ctx_task_begin(ctx_current(), "inner");
    for (int i = 0; i < 20; i++) {
        ctx_task_token_t token = ctx_task_enter(task);
        if (ctx_wg_count(group) < 1)
            abort();
        ctx_task_leave(&token);
    }
    ctx_task_end(task);
}

static void many_threads(void **state)
{
    ctx_waitgroup_t group = CTX_WG_INIT;
    ctx_t *context = ctx_with_cancel(ctx_background());
    for (int round = 0; round < rounds / 10; round++) {
        for (int i = 0; i < 20; i++)
            must(ctx_go(context, &group, "worker", work, &group));
        must(ctx_wg_wait(&group, context));
    }
    ctx_cancel(context), ctx_release(context);
}

int main(void)
{
    if (getenv("CTX_TEST_BRIEF"))
        rounds = 50;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entered_and_left),
        cmocka_unit_test(ended_while_entered),
        cmocka_unit_test(ended_elsewhere),
        cmocka_unit_test(in_its_context),
        cmocka_unit_test(owns_its_context),
        cmocka_unit_test(not_in_one_that_ended),
        cmocka_unit_test(copies),
        cmocka_unit_test(done_however_it_ends),
#ifndef CTX_TEST_BARE
        cmocka_unit_test(scopes_are_left_by_it),
#endif
        cmocka_unit_test(popped_by_a_destructor),
        cmocka_unit_test(delays_are_kept),
        cmocka_unit_test(delays_of_threads),
        cmocka_unit_test(children_begin_anew),
        cmocka_unit_test(many_threads),
        cmocka_unit_test(names_are_bounded), /* last: it takes all the rows */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
