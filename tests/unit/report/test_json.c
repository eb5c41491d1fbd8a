/* SPDX-License-Identifier: MIT */
/*
 * The JSON report against tests/golden; check_schema.py holds the same files
 * against the shipped schema.
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
    golden_check("live.json", "json", CTT_TRIGGER_SIGNAL, &plain);
}

static void test_exit(void **state)
{
    golden_check("exit.json", "json", CTT_TRIGGER_EXIT, &plain);
}

static void test_all(void **state)
{
    struct report_request request = {.kind = "stream", .all = true};

    golden_check("all.json", "json", CTT_TRIGGER_SIGNAL, &request);
}

static void test_sampled(void **state)
{
    golden_check_sampled("sampled.json", "json", &plain);
}

static void test_reach(void **state)
{
    golden_check_reach("reach.json", "json", CTT_TRIGGER_EXIT, &plain);
    golden_check_reach("reach-live.json", "json", CTT_TRIGGER_SIGNAL, &plain);
}

static void test_declared(void **state)
{
    struct report_request trace = {.trace = "4BF92F35", .path = "x.ctt"};

    golden_check_declared("declared.json", "json", CTT_TRIGGER_SIGNAL, &plain);
    golden_check_declared("trace.json", "json", CTT_TRIGGER_EXIT, &trace);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_live),  cmocka_unit_test(test_exit),
        cmocka_unit_test(test_all),   cmocka_unit_test(test_sampled),
        cmocka_unit_test(test_reach), cmocka_unit_test(test_declared),
    };

    golden_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
