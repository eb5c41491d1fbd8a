/* SPDX-License-Identifier: MIT */
/*
 * Unit tests with cmocka that fail when they leave something behind: a context from each
 * test's setup to its teardown, and ctx_verify_none there.
 *
 *     cc check_cmocka.c -lcmocka $(pkg-config --cflags --libs ctxtrace) && ctxtrace run ./a.out
 *
 * Without the tracker nobody can tell, and the tests fail (ENOSYS).
 */
#define _GNU_SOURCE 1
#include <ctxtrace.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define TEST_TIME (30 * CTX_SECOND)

/* ---- what is tested ---- */

/* A number from 0 to `limit` that nobody can guess; -1: that is no limit. */
static int draw(int limit)
{
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    unsigned drawn = 0;
    ssize_t size;

    if (fd < 0)
        return -1;
#ifndef FIXED
    if (limit < 0)
        return -1; /* THE LEAK: the file is still open */
#endif
    size = read(fd, &drawn, sizeof drawn);
    close(fd);
    if (limit < 0 || size != sizeof drawn)
        return -1;
    return (int)(drawn % ((unsigned)limit + 1));
}

/* ---- the tests ---- */

static void test_within_limit(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        assert_in_range(draw(5), 0, 5);
}

static void test_zero(void **state)
{
    (void)state;
    assert_int_equal(draw(0), 0);
}

static void test_no_limit(void **state)
{
    (void)state;
    assert_int_equal(draw(-1), -1);
}

/* ---- each in its context ---- */

struct scope {
    ctx_t *timed, *context;
    ctx_token_t token;
};

/* *state is the test's name, from the table below, and then its scope. */
static int begin_test(void **state)
{
    struct scope *scope = malloc(sizeof *scope);

    if (!scope)
        return -1;
    scope->timed = ctx_with_timeout(ctx_background(), TEST_TIME, 0, "the test takes too long");
    scope->context = ctx_with_name(scope->timed, *state);
    scope->token = ctx_push(scope->context);
    *state = scope;
    return 0;
}

/* Runs after a failed assertion, too, which leaves the test by longjmp. */
static int end_test(void **state)
{
    struct scope *scope = *state;
    int left;

    ctx_pop(&scope->token);
    left = ctx_verify_none(&(ctx_check_t){.context = scope->context});
    if (left < 0)
        perror("ctx_verify_none");
    ctx_cancel(scope->timed); /* and the other with it */
    ctx_release(scope->context);
    ctx_release(scope->timed);
    free(scope);
    return left; /* not 0: the test has failed */
}

/* cmocka's own table, with the name as the first state. */
#define IN_CONTEXT(test)                                                                           \
    cmocka_unit_test_prestate_setup_teardown(test, begin_test, end_test, (void *)#test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_CONTEXT(test_within_limit),
        IN_CONTEXT(test_zero),
        IN_CONTEXT(test_no_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
