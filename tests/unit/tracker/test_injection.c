/* SPDX-License-Identifier: MIT */
/* Which calls are made to fail: every form of a rule, what is no rule, and that the
 * same seed chooses the same calls. Modules and stacks are fakes. */
#include "tests/unit/tracker/unit.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/books/injection.h"
#include "preload/facts/module.h"
#include "preload/facts/stack.h"

static const struct module program = {.bias = 0x400000, .path = "/usr/bin/app"};

uint32_t module_at(uintptr_t pc)
{
    return pc >= 0x400000 ? 1 : 0;
}
const struct module *module_get(uint32_t id)
{
    return id == 1 ? &program : NULL;
}
uint32_t stack_capture(const struct call_site *site, const void *entry)
{
    return (uint32_t)site->pc;
}

/* Rules are read once in a process, so each set has a process of its own. */
static void *in_child(const char *rules, uint32_t calls, uintptr_t pc, char *ret)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    if (fork() == 0) {
        struct injection_point point = {.function = "open64", .group = "open", .error = EMFILE};
        struct call_site site = {.pc = pc};
        char said[256] = "-";
        if (injection_parse(rules)) {
            memset(said, 0, sizeof said);
            point.rules = injection_rules_for("open64", "open");
            for (uint32_t i = 0; i < calls; i++) {
                int error = point.rules ? injection_due(&point, &site) : 0;
                said[i] = error == 0 ? '.' : error == EMFILE ? 'F' : error == EIO ? 'I' : '?';
            }
        }
        (void)!write(ends[1], said, strlen(said));
        _exit(0);
    }
    close(ends[1]);
    ssize_t n = read(ends[0], ret, 255);
    ret[n > 0 ? n : 0] = '\0';
    close(ends[0]);
    wait(NULL);
    return ret;
}

static void rules_of_every_form(void **state)
{
    static const struct {
        const char *rules, *expected;
    } rows[] = {
        {"open", "FFFFFFFFFF"},
        {"open64", "FFFFFFFFFF"},
        {"openat", ".........."},
        {"open:EIO", "IIIIIIIIII"},
        {"open:every=3", "..F..F..F."},
        {"open:EIO:every=5", "....I....I"},
        {"open:at=4", "...F......"},
        {"open:every=2,times=2", ".F.F......"},
        {"open:times=1", "F........."},
        {"open:p=1", "FFFFFFFFFF"},
        {"open:list", ".........."},
        {"open:EIO:at=2;open:at=3", ".I.F......"},
        {"read;open:at=1", "F........."},
        {"open:site=app+0x1234", "FFFFFFFFFF"},
        {"open:site=app+0x1235", ".........."},
        {"open:site=ap+0x1234", ".........."},
        {"open:site=app+0x1234,at=2", ".F........"},
    };
    char said[256];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(in_child(rows[i].rules, 10, 0x401234, said), rows[i].expected) != 0)
            fail_msg("%s: %s instead of %s", rows[i].rules, said, rows[i].expected);
}

static void what_is_no_rule(void **state)
{
    static const char *const bad[] = {
        "",
        ":",
        "open:",
        "open:ESTUPID",
        "open:every=0",
        "open:at=",
        "open:at=x",
        "open:p=1.1",
        "open:p=0",
        "open:p=.5.5",
        "open:p=-1",
        "open:times=0",
        "open:seed=",
        "open:site=app",
        "open:site=+0x1",
        "open:site=app+0x",
        "open:site=app+0xg",
        "open:listed",
        "open:every=3;:",
        "open;;read",
        "a;a;a;a;a;a;a;a;a;a;a;a;a;a;a;a;a",
    };
    char said[256];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (strcmp(in_child(bad[i], 1, 0x401234, said), "-") != 0)
            fail_msg("\"%s\" is a rule", bad[i]);
}

static void chance_is_the_seeds(void **state)
{
    char first[256], second[256], other[256], none[256];
    in_child("open:p=0.25,seed=7", 200, 0x401234, first);
    in_child("open:p=0.25,seed=7", 200, 0x401234, second);
    in_child("open:p=0.25,seed=8", 200, 0x401234, other);
    in_child("open:p=0.25", 200, 0x401234, none);
    assert_string_equal(first, second);
    assert_string_not_equal(first, other);
    assert_string_not_equal(first, none);
    uint32_t failed = 0;
    for (const char *at = first; *at; at++)
        failed += *at == 'F';
    assert_true(failed > 25 && failed < 75); /* 50, and six deviations of 6 */
}

static void places_are_told(void **state)
{
    struct injection_point point = {.function = "open", .group = "open", .error = EMFILE};
    struct ctt_injection fact;
    const char *function;
    uint32_t found = 0;
    assert_null(injection_text());
    assert_true(injection_parse("open:every=2"));
    assert_string_equal(injection_text(), "open:every=2");
    point.rules = injection_rules_for("open", "open");
    for (uintptr_t pc = 0x401000; pc < 0x401003; pc++) {
        struct call_site site = {.pc = pc};
        for (int i = 0; i < 4; i++)
            injection_due(&point, &site);
    }
    for (uint32_t i = 0; injection_read(i, &fact, &function); i++) {
        if (!function)
            continue;
        found++;
        assert_int_equal(fact.calls, 4);
        assert_int_equal(fact.failed, 2);
        assert_int_equal(fact.error, EMFILE);
        assert_int_equal(fact.stack, CTT_PC_ADDRESS(fact.pc));
        assert_int_equal(CTT_PC_MODULE(fact.pc), 1);
    }
    assert_int_equal(found, 3);
}

static void a_leaf_is_the_real_function(void **state)
{
    struct injection_point point = {.stub = (const void *)0x7000, .real = (const void *)0x401500};
    injection_point_add(&point);
    uint64_t leaf = injection_leaf(0x7000 | CTT_PC_EXACT);
    assert_int_equal(CTT_PC_ADDRESS(leaf), 0x401500);
    assert_int_equal(CTT_PC_MODULE(leaf), 1);
    assert_int_equal(injection_leaf(0x7001), 0x7001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_of_every_form),         cmocka_unit_test(what_is_no_rule),
        cmocka_unit_test(chance_is_the_seeds),         cmocka_unit_test(places_are_told),
        cmocka_unit_test(a_leaf_is_the_real_function),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
