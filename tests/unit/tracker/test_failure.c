/* SPDX-License-Identifier: MIT */
/*
 * What of a thread's failed calls is remembered: each sort apart, for a second, and not
 * for other threads; of threads that were not started, the last few.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "preload/books/failure.h"

static void test_sorts_are_apart(void **state)
{
    struct room_failure failure;
    assert_false(failure_recent(FAILURE_FD, &failure));
    failure_keep(FAILURE_FD, (struct room_failure){.stack = 1});
    failure_keep(FAILURE_POINTER, (struct room_failure){.stack = 2});
    assert_true(failure_recent(FAILURE_FD, &failure));
    assert_int_equal(failure.stack, 1);
    assert_false(failure_recent(FAILURE_READ, &failure));
}

static void test_forgotten_after_a_second(void **state)
{
    struct room_failure failure;
    failure_keep(FAILURE_READ, (struct room_failure){.stack = 3});
    assert_true(failure_recent(FAILURE_READ, &failure));
    self.room->failures[FAILURE_READ].at_ns -= 2 * FAILURE_RECENT_NS;
    assert_false(failure_recent(FAILURE_READ, &failure));
}

/* A handler that interrupted failure_keep would find it so. */
static void test_half_kept_is_none(void **state)
{
    struct room_failure failure;
    failure_keep(FAILURE_READ, (struct room_failure){.stack = 4});
    self.room->failures[FAILURE_READ].at_ns = 0;
    assert_false(failure_recent(FAILURE_READ, &failure));
}

static void *look(void *ret_found)
{
    struct room_failure failure;
    *(bool *)ret_found = failure_recent(FAILURE_FD, &failure) || failure_of_thread(1000, &failure);
    room_leave();
    return NULL;
}

static void test_others_do_not_see_it(void **state)
{
    pthread_t thread;
    bool found = true;
    failure_keep(FAILURE_FD, (struct room_failure){.stack = 5});
    failure_keep_thread((struct room_failure){.stack = 5, .handle = 1000});
    pthread_create(&thread, NULL, look, &found);
    pthread_join(thread, NULL);
    assert_false(found);
}

/* The next thread gets a room, and nothing of what was in it. */
static void test_room_comes_empty(void **state)
{
    struct room_failure failure;
    const struct thread_room *before = self.room;
    failure_keep(FAILURE_FD, (struct room_failure){.stack = 6});
    failure_keep_thread((struct room_failure){.stack = 6, .handle = 1000});
    room_leave();
    self.left = 0;
    assert_ptr_equal(room_get(), before);
    assert_false(failure_recent(FAILURE_FD, &failure));
    assert_false(failure_of_thread(1000, &failure));
}

static void test_last_threads_are_kept(void **state)
{
    struct room_failure failure;
    for (uint32_t i = 0; i <= ROOM_REFUSED; i++)
        failure_keep_thread((struct room_failure){.stack = i + 1, .handle = 100 + i});
    assert_false(failure_of_thread(100, &failure));
    for (uint32_t i = 1; i <= ROOM_REFUSED; i++) {
        assert_true(failure_of_thread(100 + i, &failure));
        assert_int_equal(failure.stack, i + 1);
    }
    assert_false(failure_of_thread(0, &failure));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorts_are_apart),   cmocka_unit_test(test_forgotten_after_a_second),
        cmocka_unit_test(test_half_kept_is_none), cmocka_unit_test(test_others_do_not_see_it),
        cmocka_unit_test(test_room_comes_empty),  cmocka_unit_test(test_last_threads_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
