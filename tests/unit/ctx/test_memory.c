/* SPDX-License-Identifier: MIT */
/*
 * Without memory, or threads: the n-th allocation of libctx fails, for each n, and each thread
 * that it makes for the program counts as one. What cannot be made is NULL and ENOMEM (EAGAIN),
 * and everything else goes on; nothing is left behind (seen by LeakSanitizer).
 *
 * Linked with --wrap for what libctx calls.
 */
#include <sys/wait.h>

#include "unit.h"

#define FAILED_ONE 77

static _Atomic int until_failure = -1; /* 0: the next one fails; below: none */
static bool has_failed;

static bool fails(void)
{
    if (until_failure < 0 || until_failure-- > 0)
        return false;
    errno = ENOMEM;
    return has_failed = true;
}

#define WRAP(result, name, params, args)                                                           \
    result __real_##name params;                                                                   \
    result __wrap_##name params;                                                                   \
    result __wrap_##name params                                                                    \
    {                                                                                              \
        return fails() ? NULL : __real_##name args;                                                \
    }

WRAP(void *, malloc, (size_t size), (size))
WRAP(void *, calloc, (size_t count, size_t size), (count, size))
WRAP(void *, realloc, (void *block, size_t size), (block, size))
WRAP(void *, aligned_alloc, (size_t align, size_t size), (align, size))
WRAP(char *, strdup, (const char *text), (text))

typedef void *thread_main(void *);
int __real_pthread_create(pthread_t *, const pthread_attr_t *, thread_main *, void *);
int __wrap_pthread_create(pthread_t *, const pthread_attr_t *, thread_main *, void *);
int __wrap_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes,
                          thread_main *start, void *arg)
{
    return fails() ? EAGAIN : __real_pthread_create(ret_thread, attributes, start, arg);
}

static int destroyed;

static void destroy(void *value)
{
    destroyed += *(int *)value;
}

static const ctx_key_t key = {"key", destroy, NULL, CTX_REPORT};

static void nothing(void *unused) {}

/* The parent stands for what could not be made. */
static ctx_t *made_or(ctx_t *made, ctx_t *parent)
{
    if (made)
        return made;
    assert_int_equal(errno, ENOMEM);
    assert_true(has_failed);
    return ctx_ref(parent);
}

static void count_it(void *calls)
{
    ++*(_Atomic int *)calls;
}

static int count_it_too(void *calls)
{
    ++*(_Atomic int *)calls;
    return 0;
}

/* 1: it will be called. */
static int begun(int failed)
{
    assert_true(failed == 0 || (has_failed && (errno == ENOMEM || errno == EAGAIN)));
    return failed == 0;
}

static void use_tasks(ctx_t *context)
{
    static _Atomic int calls;
    ctx_waitgroup_t group = CTX_WG_INIT;
    int wanted = 0, copied = 7;
    calls = 0;
    ctx_task_t *task = ctx_task_begin(context, "task");
    assert_true(task || (has_failed && errno == ENOMEM));
    ctx_task_token_t token = ctx_task_enter(task);
    ctx_task_leave(&token), ctx_task_end(task);
    assert_ptr_equal(ctx_current(), ctx_background());
    wanted += begun(ctx_go(context, &group, "thread", count_it, (void *)&calls));
    begun(ctx_go_copy(context, &group, "copies", nothing, &copied, sizeof copied));
    ctx_group_t *errors = ctx_eg_new(context);
    assert_true(errors || (has_failed && errno == ENOMEM));
    if (errors)
        wanted += begun(ctx_eg_go(errors, "in a group", count_it_too, (void *)&calls));
    assert_int_equal(ctx_eg_wait(errors), 0);
    ctx_eg_free(errors);
    assert_int_equal(ctx_wg_wait(&group, context), 0);
    assert_int_equal(ctx_wg_count(&group), 0);
    assert_int_equal(calls, wanted);
}

static void use_all(void)
{
    int one = 1;
    ctx_t *all[8];
    destroyed = 0;
    all[0] = made_or(ctx_with_cancel(ctx_background()), ctx_background());
    all[1] = made_or(ctx_with_timeout(all[0], LONG_ENOUGH, 1, "cause"), all[0]);
    ctx_t *value = ctx_with_value(all[1], &key, &one);
    all[2] = made_or(value, all[1]);
    all[3] = made_or(ctx_with_name(all[2], "name"), all[2]);
    all[4] = made_or(ctx_with_trace_id(all[3], "req-1", NULL), all[3]);
    all[5] = made_or(ctx_without_cancel(all[4]), all[4]);
    all[6] = made_or(ctx_with_trace(all[1], "nonsense"), all[1]);
    all[7] = made_or(ctx_from_env(), ctx_background());
    if (ctx_done_fd(all[1]) < 0)
        assert_true(has_failed);
    ctx_after_t *handle = ctx_after_func(all[1], nothing, NULL);
    assert_true(handle || has_failed);
    if (handle)
        assert_int_equal(ctx_stop(handle), 1);
    use_tasks(all[0]);
    ctx_cancel_cause(all[0], EIO, "cause");
    if (all[1] != ctx_background() && all[0] != ctx_background())
        assert_int_equal(ctx_cause(all[1], NULL, 0), EIO);
    for (int i = 0; i < 8; i++)
        ctx_release(all[i]);
    assert_int_equal(destroyed, value != NULL);
}

/* In children: what is allocated once and kept is allocated anew in each. */
static void every_first_allocation_fails(void **state)
{
    int n = 0, status = 0;
    do {
        pid_t child = fork();
        if (child == 0) {
            until_failure = n;
            use_all();
            _exit(has_failed ? FAILED_ONE : 0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_true(WEXITSTATUS(status) == FAILED_ONE || WEXITSTATUS(status) == 0);
        n++;
    } while (WEXITSTATUS(status) == FAILED_ONE);
    assert_true(n >= 8);
}

static void every_allocation_fails(void **state)
{
    int n = 0;
    do {
        has_failed = false;
        until_failure = n++;
        use_all();
        until_failure = -1;
    } while (has_failed);
    assert_true(n >= 5);
}

static int ran;

static void count_run(void *unused)
{
    ran++;
}

/* A thread's first cleanup allocates; one that is not known runs all the same. */
static void *defer_without_memory(void *unused)
{
    struct ctxtrace_pending row;
    errno = ENOTTY;
    until_failure = 0;
    ctx_defer(count_run, NULL);
    until_failure = -1;
    assert_int_equal(errno, ENOTTY);
    assert_int_equal(ctx_defer_pending(0, &row), -1);
    ctx_defer(count_run, NULL);
    assert_int_equal(ctx_defer_pending(0, &row), 0);
    return NULL;
}

static void cleanups_run_unregistered(void **state)
{
    pthread_t thread;
    uint64_t before = ctx_counted(CTXTRACE_COUNT_CLEANUPS_UNREGISTERED);
    pthread_create(&thread, NULL, defer_without_memory, NULL);
    pthread_join(thread, NULL);
    assert_int_equal(ran, 2);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_CLEANUPS_UNREGISTERED), before + 1);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_CLEANUPS_SKIPPED), 0);
}

#define PENDING_MAX 65536
#define TOO_MANY    10
#define LARGE_STACK (UINT64_C(256) << 20)

static void descend(int depth)
{
    ctx_defer(count_run, NULL);
    if (depth > 1)
        descend(depth - 1);
}

static void *descend_too_far(void *unused)
{
    descend(PENDING_MAX + TOO_MANY);
    return NULL;
}

static void pending_ones_have_a_limit(void **state)
{
    pthread_t thread;
    pthread_attr_t attributes;
    uint64_t before = ctx_counted(CTXTRACE_COUNT_CLEANUPS_UNREGISTERED);
    ran = 0;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, LARGE_STACK);
    assert_int_equal(pthread_create(&thread, &attributes, descend_too_far, NULL), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    assert_int_equal(ran, PENDING_MAX + TOO_MANY);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_CLEANUPS_UNREGISTERED), before + TOO_MANY);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_CLEANUPS_SKIPPED), 0);
}

static void causes_are_left_out(void **state)
{
    uint64_t before = ctx_counted(CTXTRACE_COUNT_CAUSES_DROPPED);
    ctx_t *context = ctx_with_cancel(NULL);
    until_failure = 0;
    ctx_cancel_cause(context, EIO, "text");
    until_failure = -1;
    assert_cause(context, EIO, "cancelled");
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_CAUSES_DROPPED), before + 1);
    ctx_release(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_first_allocation_fails), cmocka_unit_test(every_allocation_fails),
        cmocka_unit_test(cleanups_run_unregistered),    cmocka_unit_test(pending_ones_have_a_limit),
        cmocka_unit_test(causes_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
