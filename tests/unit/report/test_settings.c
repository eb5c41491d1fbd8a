/* SPDX-License-Identifier: MIT */
/*
 * Options as the dump has them, the in-project rule, and valid UTF-8.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "preload/format.h"
#include "report/project.h"
#include "report/settings.h"
#include "report/utf8.h"

static void test_times(void **state)
{
    static const struct {
        const char *text;
        uint64_t ns; /* 0: refused */
    } times[] = {
        {"1", 1000000000},
        {"500ms", 500000000},
        {"3s", 3000000000},
        {"10m", 600000000000},
        {"2h", 7200000000000},
        {"7us", 7000},
        {"", 0},
        {"s", 0},
        {"-1s", 0},
        {"1 s", 0},
        {"1d", 0},
        {"99999999999999999999s", 0},
        {"9999999999h", 0},
    };

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        uint64_t ns = 0;

        assert_int_equal(option_read_time(times[i].text, &ns), times[i].ns != 0);
        assert_int_equal(ns, times[i].ns);
    }
}

/* `from` is "key=value". */
static const char *one_setting(const void *from, const char *key)
{
    const char *text = from;
    size_t length = strlen(key);

    return strncmp(text, key, length) == 0 && text[length] == '=' ? text + length + 1 : NULL;
}

static void test_settings(void **state)
{
    assert_int_equal(settings_make(one_setting, "").grace_ns, 1000000000);
    assert_int_equal(settings_make(one_setting, "").pile_up, 16);
    assert_int_equal(settings_make(one_setting, "grace=3s").grace_ns, 3000000000);
    assert_int_equal(settings_make(one_setting, "grace=soon").grace_ns, 1000000000);
    assert_int_equal(settings_make(one_setting, "pile_up=0").pile_up, 16);
    assert_int_equal(settings_make(one_setting, "pile_up=4").pile_up, 4);
    assert_int_equal(settings_make(one_setting, "pile_up=4x").pile_up, 16);
    assert_int_equal(settings_make(one_setting, "pile_up=18446744073709551620").pile_up, 16);
    assert_int_equal(settings_make(one_setting, "exit=all").exit_rule, EXIT_ALL);
    assert_int_equal(settings_make(one_setting, "exit=x").exit_rule, EXIT_NOTES);
    assert_int_equal(settings_make(one_setting, "held=none").held_rule, HELD_NONE);
    assert_true(settings_make(one_setting, "verbose=1").verbose);
}

static bool path_is_project(const char *path, const char *glob, uint32_t flags)
{
    struct module module = {.path = path, .base = strrchr(path, '/') + 1, .flags = flags};
    struct model model = {0};
    bool in_project;

    HASH_ADD(hh, model.modules, id, sizeof(module.id), &module);
    project_mark(&model, glob);
    in_project = module.in_project;
    HASH_CLEAR(hh, model.modules);
    return in_project;
}

static void test_project(void **state)
{
    assert_true(path_is_project("/home/u/app", "", 0));
    assert_true(path_is_project("/opt/x/libx.so", NULL, 0));
    assert_true(path_is_project("/usr/local/lib/libx.so", "", 0));
    assert_true(path_is_project("/library/x", "", 0));
    assert_false(path_is_project("/usr/bin/bash", "", CTT_MODULE_EXECUTABLE));
    assert_false(path_is_project("/bin/bash", "", 0));
    assert_false(path_is_project("/lib64/ld-linux-x86-64.so.2", "", 0));
    assert_false(path_is_project("/home/u/build/libctxtrace.so", "", 0));
    assert_false(path_is_project("/opt/toolchain/lib/libstdc++.so.6", "", 0));
    assert_true(path_is_project("/usr/lib/libfoo.so", "libfoo*", 0));
    assert_false(path_is_project("/home/u/app", "libfoo*", 0));
    assert_false(path_is_project("/home/u/glibc/libc.so.6", "", CTT_MODULE_LIBC));
}

/* What headers brought into the program is not what somebody looks for. */
static void test_headers(void **state)
{
    static const struct {
        const char *function, *file;
        bool expected;
    } rows[] = {
        {"load", "/home/u/app/conf.cpp", true},
        {"load", NULL, true},
        {"std::vector<int>::vector", NULL, false},
        {"open", "/usr/include/x86_64-linux-gnu/bits/fcntl2.h", false},
        {"ctx::scope::scope", "/opt/ctxtrace/include/ctxtrace.hpp", false},
        {"ctx::deferred<load()::{lambda()#1}>::run_call(void*)", NULL, false},
        {"ctx::load", "/home/u/app/ctx.hpp", true},
        {"_start", NULL, false},
    };
    const struct module module = {.in_project = true};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct frame frame = {
            .module = &module, .function = rows[i].function, .file = rows[i].file};

        if (frame_in_project(&frame) != rows[i].expected)
            fail_msg("%s in %s", rows[i].function, rows[i].file);
    }
}

static void test_utf8(void **state)
{
    static const struct {
        const char *text;
        size_t length;
    } texts[] = {
        {"a", 1},        {"\xc3\xa4", 2},         {"\xe2\x82\xac", 3}, {"\xf0\x9f\x98\x80", 4},
        {"\xc0\x80", 0}, {"\xed\xa0\x80", 0},     {"\xff", 0},         {"\xe2\x82", 0},
        {"\x80", 0},     {"\xf4\x90\x80\x80", 0}, {"\xe0\x80\x80", 0},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(utf8_length(texts[i].text, strlen(texts[i].text)), texts[i].length);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),   cmocka_unit_test(test_settings),
        cmocka_unit_test(test_project), cmocka_unit_test(test_headers),
        cmocka_unit_test(test_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
