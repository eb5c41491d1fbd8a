/* SPDX-License-Identifier: MIT */
/*
 * Cleanups that are skipped on purpose: none of them runs, each is counted, and no other one is.
 * Built without -fexceptions, and not run with the tracker, to which they are findings.
 */
#include <signal.h>

#include "coroutine.h"
#include "unit.h"

static int ran;
static uint64_t skipped_before;
static jmp_buf out;
static const volatile int ran_out; /* keeps gcc from seeing that it never returns */

static void count_run(void *unused)
{
    ran++;
}

static int begin(void **state)
{
    ran = 0;
    skipped_before = ctx_counted(CTXTRACE_COUNT_CLEANUPS_SKIPPED);
    return 0;
}

static uint64_t skipped(void)
{
    return ctx_counted(CTXTRACE_COUNT_CLEANUPS_SKIPPED) - skipped_before;
}

static __attribute__((noinline)) void skip_two(int depth)
{
    ctx_defer(count_run, NULL);
    if (depth)
        skip_two(depth - 1);
    else if (!ran_out)
        longjmp(out, 1);
}

/* In the function itself: all that it called has been below. */
#define REGISTER_ONE()                                                                             \
    do {                                                                                           \
        ctx_defer(count_run, NULL);                                                                \
    } while (0)

static void noticed_when_registering(void **state)
{
    if (setjmp(out) == 0)
        skip_two(1);
    assert_int_equal(skipped(), 0);
    REGISTER_ONE();
    assert_int_equal(skipped(), 2);
    assert_int_equal(ran, 1);
}

static void noticed_when_running(void **state)
{
    {
        ctx_defer(count_run, NULL);
        if (setjmp(out) == 0)
            skip_two(1);
        assert_int_equal(skipped(), 0);
    }
    assert_int_equal(skipped(), 2);
    assert_int_equal(ran, 1);
}

static void what_is_above_stays(void **state)
{
    ctx_defer(count_run, NULL);
    for (int i = 0; i < 3; i++) {
        if (setjmp(out) == 0)
            skip_two(3);
        REGISTER_ONE();
    }
    assert_int_equal(skipped(), 12);
    assert_int_equal(ran, 3);
    struct ctxtrace_pending row;
    assert_int_equal(ctx_defer_pending(0, &row), 0);
    assert_int_equal(ctx_defer_pending(1, &row), -1);
}

static __attribute__((noinline)) void skip_own(void)
{
    for (volatile int i = 0; i < 4; i++)
        if (setjmp(out) == 0) {
            ctx_defer(count_run, NULL);
            longjmp(out, 1);
        }
}

static void skipped_within_a_function(void **state)
{
    skip_own();
    assert_int_equal(skipped(), 3); /* the last one when its frame is gone */
    REGISTER_ONE();
    assert_int_equal(skipped(), 4);
    assert_int_equal(ran, 1);
}

/* ---- ends of threads ---- */

static _Atomic int is_waiting;

static void *leave_thread(void *how)
{
    ctx_defer(count_run, NULL);
    ctx_defer_as(dropped, count_run, NULL);
    ctx_defer(count_run, NULL);
    ctx_defer_cancel(dropped);
    if (strcmp(how, "exit") == 0)
        pthread_exit(NULL);
    is_waiting = 1;
    while (strcmp(how, "cancel") == 0)
        pause();
    return NULL;
}

static void end_thread(const char *how)
{
    pthread_t thread;
    is_waiting = 0;
    assert_int_equal(pthread_create(&thread, NULL, leave_thread, (void *)how), 0);
    if (strcmp(how, "cancel") == 0) {
        assert_true(comes(&is_waiting, 1));
        pthread_cancel(thread);
    }
    pthread_join(thread, NULL);
}

static void ends_of_threads(void **state)
{
    end_thread("return");
    assert_true(ran == 2 && skipped() == 0);
    end_thread("exit");
    assert_true(ran == 2 && skipped() == 2);
    end_thread("cancel");
    assert_true(ran == 2 && skipped() == 4);
}

static void *exit_from_within(void *unused)
{
    if (setjmp(out) == 0)
        skip_two(2);
    pthread_exit(NULL);
}

static void noticed_at_the_end_at_last(void **state)
{
    pthread_t thread;
    pthread_create(&thread, NULL, exit_from_within, NULL);
    pthread_join(thread, NULL);
    assert_true(ran == 0 && skipped() == 3);
}

/* ---- other stacks ---- */

static void stay_pending(void *unused)
{
    ctx_defer(count_run, NULL);
    coroutine_leave();
}

/* It may be resumed, for all that is known; until its stack is another's. */
static void coroutines_are_not_judged(void **state)
{
    static char memory[COROUTINE_STACK];
    char inner_memory[COROUTINE_STACK];
    struct coroutine one = {.stack = memory}, inner = {.stack = inner_memory};
    coroutine_begin(&one, stay_pending, NULL), coroutine_enter(&one);
    coroutine_begin(&inner, stay_pending, NULL), coroutine_enter(&inner);
    REGISTER_ONE();
    if (setjmp(out) == 0)
        skip_two(0);
    REGISTER_ONE();
    assert_true(ran == 2 && skipped() == 1);
    coroutine_begin(&one, stay_pending, NULL), coroutine_enter(&one);
    assert_int_equal(skipped(), 2);
    coroutine_enter(&one), coroutine_enter(&inner);
    assert_true(ran == 4 && skipped() == 2);
}

static sigjmp_buf out_of_handler;

static void jump_out(int unused)
{
    ctx_defer(count_run, NULL);
    siglongjmp(out_of_handler, 1);
}

/* A handler may not; this one is called by raise, and interrupts nothing. */
static void handlers_that_are_left(void **state)
{
    static char memory[1 << 16];
    stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory}, before;
    struct sigaction action = {.sa_handler = jump_out, .sa_flags = SA_ONSTACK}, action_before;
    sigaltstack(&stack, &before);
    sigaction(SIGUSR1, &action, &action_before);
    for (volatile int i = 0; i < 3; i++)
        if (sigsetjmp(out_of_handler, 1) == 0)
            raise(SIGUSR1);
    REGISTER_ONE();
    assert_true(ran == 1 && skipped() == 2); /* the last one is not known to be gone */
    sigaction(SIGUSR1, &action_before, NULL);
    sigaltstack(&before, NULL);
}

#define UNIT(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(noticed_when_registering), UNIT(noticed_when_running),
        UNIT(what_is_above_stays),      UNIT(skipped_within_a_function),
        UNIT(ends_of_threads),          UNIT(noticed_at_the_end_at_last),
    };
    const struct CMUnitTest switching[] = {
        UNIT(coroutines_are_not_judged),
        UNIT(handlers_that_are_left),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return CAN_SWITCH ? failed + cmocka_run_group_tests(switching, NULL, NULL) : failed;
}
