/* SPDX-License-Identifier: MIT */
/*
 * The text report against tests/golden.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "golden.h"

static const struct report_request plain = {.path = "orders.4711.3.ctt"};

static void test_live(void **state)
{
    golden_check("live.txt", "text", CTT_TRIGGER_SIGNAL, &plain);
}

static void test_exit(void **state)
{
    golden_check("exit.txt", "text", CTT_TRIGGER_EXIT, &plain);
}

static void test_fatal(void **state)
{
    golden_check("fatal.txt", "text", CTT_TRIGGER_FATAL, &plain);
}

static void test_kind(void **state)
{
    struct report_request request = {.kind = "stream", .all = true};

    golden_check("kind-stream.txt", "text", CTT_TRIGGER_EXIT, &request);
}

static void test_color(void **state)
{
    struct report_request request = {.color = true, .kind = "thread"};

    golden_check("color.txt", "text", CTT_TRIGGER_SIGNAL, &request);
}

static void test_sampled(void **state)
{
    golden_check_sampled("sampled.txt", "text", &plain);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_live), cmocka_unit_test(test_exit),  cmocka_unit_test(test_fatal),
        cmocka_unit_test(test_kind), cmocka_unit_test(test_color), cmocka_unit_test(test_sampled),
    };

    golden_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
