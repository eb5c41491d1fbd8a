/* SPDX-License-Identifier: MIT */
/* The options: every type, what is not understood, and where values came from. */
#include "tests/unit/tracker/unit.h"

#include <signal.h>
#include <string.h>

#include "preload/ground/config.h"

static void values_of_every_type(void **state)
{
    config_read("off=0:dir=/tmp/x:grace=250ms:max_dumps=3k:keep=7:signal=SIGUSR2:verbose");
    assert_false(config.off);
    assert_string_equal(config.dir, "/tmp/x");
    assert_int_equal(config.grace, 250000000);
    assert_int_equal(config.max_dumps, 3072);
    assert_int_equal(config.keep, 7);
    assert_int_equal(config.signal, SIGUSR2);
    assert_true(config.verbose);
    assert_int_equal(config.stack_depth, 128); /* a default */
    assert_null(config_complaint());
}

static void times_and_sizes(void **state)
{
    uint64_t v;
    assert_true(config_parse_time("2", &v));
    assert_int_equal(v, 2000000000);
    assert_true(config_parse_time("10m", &v));
    assert_int_equal(v, UINT64_C(600000000000));
    assert_false(config_parse_time("", &v));
    assert_false(config_parse_time("-1s", &v));
    assert_false(config_parse_time("1x", &v));
    assert_true(config_parse_size("4G", &v));
    assert_int_equal(v, UINT64_C(4) << 30);
    assert_false(config_parse_size("99999999999G", &v));
}

static void signals_by_name_and_number(void **state)
{
    int s;
    assert_true(config_parse_signal("USR1", &s));
    assert_int_equal(s, SIGUSR1);
    assert_true(config_parse_signal("12", &s));
    assert_int_equal(s, 12);
    assert_true(config_parse_signal("RTMAX-7", &s));
    assert_int_equal(s, SIGRTMAX - 7);
    assert_false(config_parse_signal("KILL", &s));
    assert_false(config_parse_signal("9", &s));
    assert_false(config_parse_signal("65", &s));
    assert_false(config_parse_signal("RTMAX-99", &s));
}

static void count_env(const char *key, const char *value, enum ctt_origin origin, void *arg)
{
    (void)key;
    (void)value;
    *(int *)arg += origin == CTT_ORIGIN_ENV;
}

static void a_bad_setting_is_named_and_changes_nothing(void **state)
{
    config_read("grace=5s:::grace=soon:nonsense=1");
    assert_int_equal(config.grace, 5000000000);
    assert_string_equal(config_complaint(), "grace=soon");
    int from_env = 0;
    config_each(count_env, &from_env);
    assert_true(from_env >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_every_type),
        cmocka_unit_test(times_and_sizes),
        cmocka_unit_test(signals_by_name_and_number),
        cmocka_unit_test(a_bad_setting_is_named_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
