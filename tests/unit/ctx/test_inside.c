/* SPDX-License-Identifier: MIT */
/* What cannot be seen from outside: lists, slots, and which threads and descriptors there are. */
#include <dirent.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_thread_and_no_descriptor_before_they_are_needed),
        cmocka_unit_test(lists_forget),
        cmocka_unit_test(generations),
        cmocka_unit_test(walks_share_a_cause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
