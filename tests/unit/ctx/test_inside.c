/* SPDX-License-Identifier: MIT */
/* What cannot be seen from outside: lists, slots, and which threads and descriptors there are. */
#include <dirent.h>
#include <limits.h>
#include <sys/resource.h>

#include "internal.h"
#include "unit.h"

static int count_entries(const char *folder)
{
    DIR *dir = opendir(folder);
    int count = -2; /* . and .. */
    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static void no_thread_and_no_descriptor_before_they_are_needed(void **state)
{
    int threads = count_entries("/proc/self/task"), fds = count_entries("/proc/self/fd");
    ctx_t *context = ctx_with_timeout(NULL, LONG_ENOUGH, 0, "x"), *below = ctx_with_cancel(context);
    assert_int_equal(ctx_wait(below, 1000), -1);
    assert_int_equal(ctx_sleep(below, 1000), 0);
    ctx_cancel_from_signal(below, 0);
    assert_int_equal(ctx_wait(below, 0), 0);
    assert_int_equal(count_entries("/proc/self/fd"), fds);
    assert_true(ctx_done_fd(context) >= 0);
    assert_int_equal(count_entries("/proc/self/fd"), fds + 1);
    ctx_cancel(context);
    ctx_release(context), ctx_release(below);
    assert_int_equal(count_entries("/proc/self/fd"), fds);
    assert_int_equal(count_entries("/proc/self/task"), threads);
    ctx_t *last = ctx_with_cancel(NULL);
    assert_int_equal(ctx_stop(ctx_after_func(last, (void (*)(void *))abort, NULL)), 1);
    assert_int_equal(count_entries("/proc/self/task"), threads + 1);
    ctx_cancel(last), ctx_release(last);
}

static void lists_forget(void **state)
{
    ctx_t *parent = ctx_with_cancel(NULL);
    struct context *inside = libctx_look(parent);
    ctx_t *cancelled = ctx_with_cancel(parent), *released = ctx_with_name(parent, "n");
    ctx_t *timed = ctx_with_deadline(parent, 1, 0, NULL);
    assert_ptr_equal(libctx_look(ctx_parent(released)), inside);
    ctx_cancel(cancelled);
    ctx_release(released);
    assert_null(inside->first_child);
    ctx_release(timed), ctx_release(cancelled);
    ctx_cancel(parent), ctx_release(parent);
}

/* Old handles are told from new ones of the same slot, until its uses have gone around once. */
static void generations(void **state)
{
    ctx_t *first = ctx_with_name(NULL, "n");
    uintptr_t slot = (uintptr_t)libctx_look(first);
    ctx_release(first);
    for (unsigned i = 1; i < GENERATIONS - 1; i++) {
        ctx_t *next = ctx_with_name(NULL, "n");
        assert_int_equal((uintptr_t)libctx_look(next), slot); /* the last one freed */
        assert_ptr_not_equal(next, first);
        assert_ptr_equal(libctx_look(first), &libctx_released);
        ctx_release(next);
    }
    ctx_t *again = ctx_with_name(NULL, "n");
    assert_ptr_equal(again, first);
    ctx_release(again);
}

static void walks_share_a_cause(void **state)
{
    ctx_t *top = ctx_with_cancel(NULL), *below = ctx_with_cancel(top);
    ctx_cancel_cause(top, 1, "shared");
    struct cause *cause = libctx_look(top)->cause;
    assert_ptr_equal(libctx_look(below)->cause, cause);
    assert_int_equal(cause->references, 2);
    ctx_release(top);
    assert_int_equal(cause->references, 2); /* below keeps top */
    ctx_release(below);
}

static _Atomic int sleeper;

static void *wait_for_its_own(void *context)
{
    struct rusage usage = {.ru_nvcsw = 0};
    sleeper = 1;
    int failed = ctx_wait(context, CTX_FOREVER);
    getrusage(RUSAGE_THREAD, &usage);
    return (void *)(uintptr_t)(failed ? LONG_MAX : usage.ru_nvcsw);
}

/* Though all stripes are rung, and there is somebody asleep at one. */
static void strangers_do_not_wake(void **state)
{
    ctx_t *context = ctx_with_cancel(NULL), *others[2 * STRIPES];
    pthread_t thread;
    void *wakes = NULL;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_its_own, context), 0);
    assert_true(comes(&sleeper, 1));
    usleep(A_WHILE / 1000);
    for (int round = 0; round < 50; round++) {
        for (unsigned i = 0; i < ARRAY_LENGTH(others); i++)
            others[i] = ctx_with_cancel(NULL);
        for (unsigned i = 0; i < ARRAY_LENGTH(others); i++)
            ctx_cancel(others[i]), ctx_release(others[i]);
        usleep(100);
    }
    ctx_cancel(context);
    pthread_join(thread, &wakes);
    assert_true((uintptr_t)wakes < 25);
    ctx_release(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_thread_and_no_descriptor_before_they_are_needed),
        cmocka_unit_test(lists_forget),
        cmocka_unit_test(generations),
        cmocka_unit_test(walks_share_a_cause),
        cmocka_unit_test(strangers_do_not_wake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
