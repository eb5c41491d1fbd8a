/* SPDX-License-Identifier: MIT */
/* The options: every type, what is not understood, and where values came from. */
#include "tests/unit/tracker/unit.h"

#include <signal.h>
#include <string.h>

#include "preload/ground/config.h"
#include "preload/ground/health.h"

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
    assert_true(option_read_time("2", &v));
    assert_int_equal(v, 2000000000);
    assert_true(option_read_time("10m", &v));
    assert_int_equal(v, UINT64_C(600000000000));
    assert_false(option_read_time("", &v));
    assert_false(option_read_time("-1s", &v));
    assert_false(option_read_time("1x", &v));
    assert_true(option_read_size("4G", &v));
    assert_int_equal(v, UINT64_C(4) << 30);
    assert_false(option_read_size("99999999999G", &v));
    assert_true(option_read_size("18446744073709551615", &v));
    assert_false(option_read_size("18446744073709551616", &v));
    assert_false(option_read_time("18446744073709551617ns", &v));
}

static void signals_by_name_and_number(void **state)
{
    int s;
    assert_true(option_read_signal("USR1", &s));
    assert_int_equal(s, SIGUSR1);
    assert_true(option_read_signal("12", &s));
    assert_int_equal(s, 12);
    assert_true(option_read_signal("RTMAX-7", &s));
    assert_int_equal(s, SIGRTMAX - 7);
    assert_false(option_read_signal("KILL", &s));
    assert_false(option_read_signal("9", &s));
    assert_false(option_read_signal("65", &s));
    assert_false(option_read_signal("RTMAX-99", &s));
    assert_false(option_read_signal("18446744073709551628", &s)); /* 2^64 + 12 */
}

static void conditions(void **state)
{
    struct conditions c = {.every_ns = 7};
    assert_true(option_read_conditions("fd:80%,rss:512M,every:10m,mishap", &c));
    assert_true(c.fd.is_percent && !c.rss.is_percent && c.mishap);
    assert_int_equal(share_of(&c.fd, 1024), 819);
    assert_int_equal(share_of(&c.fd, UINT64_MAX), UINT64_MAX);
    assert_int_equal(share_of(&c.rss, 1), 512 << 20);
    assert_int_equal(c.every_ns, UINT64_C(600000000000));
    assert_true(option_read_conditions("", &c));
    assert_int_equal(share_of(&c.fd, 1024), UINT64_MAX);
    static const char *const bad[] = {
        "fd",           "fd:",       "fd:0",     "fd:0%",
        "fd:101%",      "fd:8k",     "rss:80%%", "rss:%",
        "every:0",      "every:5ms", "mishap:1", "mishap,",
        ",mishap",      "cpu:80%",   "fd:80% ",  "rss:99999999999999999999%",
        "fd:1,,mishap",
    };
    c.mishap = true;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (option_read_conditions(bad[i], &c))
            fail_msg("\"%s\" is understood", bad[i]);
    assert_true(c.mishap);
}

/* A ':' ends a value only where a word follows. */
static void colons(void **state)
{
    config_read("auto=fd:80%,every:10m,mishap:dir=/x:verbose");
    assert_null(config_complaint());
    assert_int_equal(config.automatic.fd.amount, 80);
    assert_int_equal(config.automatic.every_ns, UINT64_C(600000000000));
    assert_true(config.automatic.mishap && config.verbose);
    assert_string_equal(config.dir, "/x");
    config_read("auto=rss:1G:verbose=0:");
    assert_null(config_complaint());
    assert_int_equal(config.automatic.rss.amount, 1 << 30);
    assert_false(config.verbose);
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

/* A bad value leaves the default, and is told; the least and the most are good. */
static void values_out_of_what_an_option_takes(void **state)
{
    static const char *const bad[] = {
        "verify=nonsense",
        "unwind=",
        "unwind=dwarf",
        "held=al",
        "held=all project",
        "exit=projects",
        "color=Always",
        "children=",
        "stack_depth=-1",
        "keep=-1",
        "keep=4294967296",
        "keep=",
        "exitcode=256",
        "exitcode=1s",
        "pile_up=0",
        "sample=18446744073709551616",
        "max_listed=18446744073709551617",
    };
    static const char *const good[] = {
        "verify=unwind",      "verify=",     "unwind=recipes",
        "unwind=libunwind",   "held=",       "held=none",
        "exit=declared",      "color=never", "children=skip",
        "stack_depth=0",      "keep=0",      "keep=4294967295",
        "exitcode=255",       "pile_up=1",   "sample=18446744073709551615",
        "dir=/tmp/any thing",
    };
    uint64_t told = atomic_load(&health_counts[HEALTH_options_unknown]);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        config_read(good[i]);
    assert_int_equal(atomic_load(&health_counts[HEALTH_options_unknown]), told);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        config_read(bad[i]);
        if (atomic_load(&health_counts[HEALTH_options_unknown]) != told + i + 1)
            fail_msg("%s is taken", bad[i]);
    }
}

static void a_bad_value_leaves_the_default(void **state)
{
    config_read("stack_depth=128:stack_depth=-1:keep=10:keep=-1:unwind=recipes:unwind=x:sample=0:"
                "sample=18446744073709551616");
    assert_int_equal(config.stack_depth, 128);
    assert_int_equal(config.keep, 10);
    assert_string_equal(config.unwind, "recipes");
    assert_int_equal(config.sample, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_every_type),
        cmocka_unit_test(times_and_sizes),
        cmocka_unit_test(signals_by_name_and_number),
        cmocka_unit_test(conditions),
        cmocka_unit_test(colons),
        cmocka_unit_test(a_bad_setting_is_named_and_changes_nothing),
        cmocka_unit_test(values_out_of_what_an_option_takes),
        cmocka_unit_test(a_bad_value_leaves_the_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
