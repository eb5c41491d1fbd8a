/* SPDX-License-Identifier: MIT */
/*
 * The language of rules: which lines are rules, what is wrong with the others, and which
 * names a pattern matches.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "report/rule.h"

static void test_patterns(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } rows[] = {
        {"conf", "load_conf", true},
        {"conf", "load_conf_file", true},
        {"conf", "lo_cnf", false},
        {"^conf", "load_conf", false},
        {"^load", "load_conf", true},
        {"conf$", "load_conf", true},
        {"load$", "load_conf", false},
        {"^load_conf$", "load_conf", true},
        {"^load_conf$", "load_conf2", false},
        {"^load_conf$", "reload_conf", false},
        {"l*d_*f", "load_conf", true},
        {"l*x*f", "load_conf", false},
        {"^l*f$", "load_conf", true},
        {"^o*f$", "load_conf", false},
        {"ab*ab", "ab", false},
        {"ab*ab$", "abab", true},
        {"a*ab$", "aab", true},
        {"^ab$", "abab", false},
        {"ab$", "abab", true},
        {"*", "anything", true},
        {"*$", "anything", true},
        {"**x", "x", true},
        {"$", "x", false},
        {"^$", "x", false},
        {"^", "x", true},
        {"x$y", "x", true}, /* nothing behind the end counts */
        {"a^b", "a^b", true},
        {"operator new(unsigned long)", "operator new(unsigned long)", true},
        {"x", "", false},
        {"*", "", false},
        {"*", NULL, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (pattern_matches(rows[i].pattern, rows[i].text) != rows[i].matches)
            fail_msg("\"%s\" and \"%s\": not %d", rows[i].pattern, rows[i].text, rows[i].matches);
    }
}

static struct rule *one_read(struct pool *pool, const char *bytes, size_t size, unsigned *ret_bad)
{
    struct rule_text text = {.name = "f", .bytes = bytes, .size = size};
    struct rule *rules = NULL;

    *ret_bad = rules_read(pool, &rules, &text);
    return rules;
}

static void test_good_lines(void **state)
{
    static const struct {
        const char *line;
        enum rule_sort sort;
        const char *kind, *pattern, *module, *until, *ticket;
        uint64_t most;
    } rows[] = {
        {"leak:foo", RULE_LEAK, NULL, "foo", NULL, NULL, NULL, UINT64_MAX},
        {"\t leak:^foo$ \t\r", RULE_LEAK, NULL, "^foo$", NULL, NULL, NULL, UINT64_MAX},
        {"leak:std::map<int, long>::f(int, char)", RULE_LEAK, NULL,
         "std::map<int, long>::f(int, char)", NULL, NULL, NULL, UINT64_MAX},
        {"leak:operator new max=3", RULE_LEAK, NULL, "operator new", NULL, NULL, NULL, 3},
        {"leak:foo max=3 # until it is mended", RULE_LEAK, NULL, "foo", NULL, NULL, NULL, 3},
        {"leak:a=b c=d", RULE_LEAK, NULL, "a=b c=d", NULL, NULL, NULL, UINT64_MAX},
        {"held:socket:upstream_*", RULE_HELD, "socket", "upstream_*", NULL, NULL, NULL, UINT64_MAX},
        {"held:*:a::b", RULE_HELD, NULL, "a::b", NULL, NULL, NULL, UINT64_MAX},
        {"created-by:pool_start", RULE_CREATED_BY, NULL, "pool_start", NULL, NULL, NULL,
         UINT64_MAX},
        {"thread:top:wait", RULE_THREAD_TOP, NULL, "wait", NULL, NULL, NULL, UINT64_MAX},
        {"context:req:/v1/*  until=2027-02-28  ticket=T-1  max=0  module=/libx", RULE_CONTEXT, NULL,
         "req:/v1/*", "/libx", "2027-02-28", "T-1", 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pool *pool = pool_new();
        unsigned bad;
        struct rule *rule = one_read(pool, rows[i].line, strlen(rows[i].line), &bad);

        if (bad || !rule || rule->next)
            fail_msg("\"%s\": %s", rows[i].line, rule && rule->bad ? rule->bad : "no one rule");
        assert_int_equal(rule->sort, rows[i].sort);
        assert_string_equal(rule->pattern, rows[i].pattern);
        assert_int_equal(rule->most, rows[i].most);
        assert_string_equal(rule->kind ? rule->kind : "", rows[i].kind ? rows[i].kind : "");
        assert_string_equal(rule->module ? rule->module : "", rows[i].module ? rows[i].module : "");
        assert_string_equal(rule->until ? rule->until : "", rows[i].until ? rows[i].until : "");
        assert_string_equal(rule->ticket ? rule->ticket : "", rows[i].ticket ? rows[i].ticket : "");
        pool_free(pool);
    }
}

static void test_bad_lines(void **state)
{
    static const char *const lines[] = {
        "leak",
        "leak:",
        "leak: max=3",
        "foo",
        "race:foo",
        "thread:foo",
        "thread:top:",
        "held:fd",
        "held:fd:",
        "held:nothing:foo",
        "held::foo",
        "context:",
        "leak:foo max=",
        "leak:foo max=-1",
        "leak:foo max=3x",
        "leak:foo max=99999999999999999999",
        "leak:foo until=",
        "leak:foo until=2026-1-1",
        "leak:foo until=2026-02-30",
        "leak:foo until=tomorrow!!",
        "leak:foo until=1926-01-01",
        "leak:foo ticket=",
        "leak:foo module=",
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct pool *pool = pool_new();
        unsigned bad;
        struct rule *rule = one_read(pool, lines[i], strlen(lines[i]), &bad);

        if (bad != 1 || !rule || !rule->bad)
            fail_msg("\"%s\" is a rule", lines[i]);
        assert_string_equal(rule->place, "f:1");
        assert_string_equal(rule->text, lines[i]);
        pool_free(pool);
    }
}

static void test_files(void **state)
{
    static const char bytes[] =
        "# leak:not_me\n\n  \t\r\n  # nor me\nleak:a\r\nbogus\n\nleak:b\0c\nleak:d";
    struct pool *pool = pool_new();
    unsigned bad;
    struct rule *rules = one_read(pool, bytes, sizeof(bytes) - 1, &bad);

    assert_int_equal(bad, 2);
    assert_string_equal(rules->pattern, "a");
    assert_string_equal(rules->place, "f:5");
    assert_string_equal(rules->next->place, "f:6");
    assert_non_null(rules->next->bad);
    assert_string_equal(rules->next->next->place, "f:8");
    assert_non_null(rules->next->next->bad);
    assert_string_equal(rules->next->next->next->pattern, "d");
    assert_null(rules->next->next->next->next);
    assert_null(one_read(pool, NULL, 0, &bad));
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_good_lines),
        cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
