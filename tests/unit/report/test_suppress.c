/* SPDX-License-Identifier: MIT */
/*
 * Rules at work: which findings each sort of them hides, which one wins, when it lapses,
 * and the built-in ones, a row each. `expected` is what is left of the findings, by their
 * detectors and counts, then what is hidden.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dump_builder.h"
#include "report/detectors/detector.h"
#include "report/suppress.h"

enum { JOB = 2 };

#define LOST CTT_HOLDING_LOST

static void holding_add(struct dump_builder *b, uint32_t kind, uint32_t flags, uint64_t handle,
                        const char *stack)
{
    struct ctt_holding holding = {.kind = kind,
                                  .flags = flags,
                                  .handle = handle,
                                  .context = 1,
                                  .last_used_ns = CTT_NEVER,
                                  .stack = builder_stack(b, stack)};

    builder_record(b, CTT_HOLDING, &holding, sizeof(holding));
}

/* Blocks of 3 and of 5, a descriptor, an ended thread that was last seen waiting, a child's
 * worth of zombies, a descriptor of a context, and a mishap. */
static struct dump_builder *world_build(const char *program_rules)
{
    struct dump_builder *b = builder_new();
    struct ctt_holding fd = {
        .kind = CTT_KIND_FD, .handle = 9, .context = JOB, .last_used_ns = CTT_NEVER};
    struct ctt_task task = {.id = 3, .tid = 77, .ended_ns = SEC, .wait_ns = CTT_NEVER};
    struct ctt_mishap mishap = {.id = CTT_MISHAP_DOUBLE_CLOSE, .kind = CTT_KIND_FD, .count = 2};

    b->suppressions = program_rules;
    builder_process(b, CTT_TRIGGER_EXIT, 0);
    builder_context(b, JOB, 1, CTT_CONTEXT_CTX, CTT_STATE_OK, SEC, "req:/v1/orders");
    builder_reach(b, CTT_REACH_JUDGED, NULL);
    builder_blocks(b, "malloc load_conf main", LOST, 1, 3, 0);
    builder_blocks(b, "malloc sys_helper handle_request main", LOST, 1, 5, 0);
    holding_add(b, CTT_KIND_SOCKET, 0, 4, "socket load_conf main");
    task.end_stack = builder_stack(b, "open64 walk worker_main");
    builder_record(b, CTT_TASK, &task, sizeof(task));
    holding_add(b, CTT_KIND_THREAD, CTT_HOLDING_ENDED, 77, "pthread_create handle_request main");
    fd.stack = builder_stack(b, "open64 load_conf main");
    builder_record(b, CTT_HOLDING, &fd, sizeof(fd));
    mishap.stack = builder_stack(b, "close load_conf main");
    builder_record(b, CTT_MISHAP, &mishap, sizeof(mishap));
    return b;
}

static struct report *report_of(struct dump_builder *b, const struct report_request *request)
{
    struct model *model = NULL;

    builder_finish(b);
    assert_int_equal(model_load(&model, b->bytes, b->size), 0);
    builder_free(b);
    model_symbolize(model, NULL);
    return report_new(model, request);
}

static void report_drop(struct report *report)
{
    struct model *model = report->model;

    report_free(report);
    model_free(model);
}

static void list_write(char *to, size_t room, const struct finding *f)
{
    for (; f; f = f->hh.next) {
        size_t used = strlen(to);

        snprintf(to + used, room - used, " %.4s%u", f->detector->name, (unsigned)f->count);
    }
}

static void hidden_check(struct report *report, const char *what, const char *hidden)
{
    char got[256] = "";

    list_write(got, sizeof(got), report->suppressed);
    if (strcmp(got, hidden) != 0)
        fail_msg("%s: expected to hide \"%s\", got \"%s\"", what, hidden, got);
}

static void test_sorts(void **state)
{
    /* unre3, unre5, held1 (at exit, a socket), unjo1, held1 (of a context), doub2 */
    static const struct {
        const char *rules, *hidden;
    } rows[] = {
        {"", ""},
        {"leak:load_conf", " unre3"},
        {"leak:*", " unre5 unre3"},
        {"leak:conf.c", " unre3"},
        {"leak:libsys.so", " unre5"},
        {"leak:/libsys.so.1$", " unre5"},
        {"leak:sys_helper module=libsys", " unre5"},
        {"leak:sys_helper module=libfoo", ""},
        {"leak:main module=libsys", ""},
        {"held:socket:load_conf", " held1"},
        {"held:fd:load_conf", " held1"},
        {"held:memory:handle_request", " unre5"},
        {"held:*:load_conf", " held1 unre3 held1"},
        {"held:stream:*", ""},
        {"created-by:handle_request", " unjo1"},
        {"created-by:main", ""},
        {"thread:top:walk", " unjo1"},
        {"thread:top:worker_main", ""},
        {"context:req:/v1/", " held1"},
        {"context:^v1", ""},
        {"held:fd:close", ""}, /* what merely happened is not held */
        {"leak:load_conf max=3", " unre3"},
        {"leak:load_conf max=2", ""},
        {"leak:* max=7", ""},                          /* of both together */
        {"leak:load_conf until=2026-11-22", " unre3"}, /* the day of the dump */
        {"leak:load_conf until=2026-11-21", ""},
        {"leak:load_conf max=2\nleak:conf", " unre3"}, /* the next one still may */
        {"nonsense\nleak:load_conf", " unre3"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct report_request request = {0};
        struct report *report = report_of(world_build(rows[i].rules), &request);

        hidden_check(report, rows[i].rules, rows[i].hidden);
        assert_int_equal(
            report_finding_count(report) + report->notes + HASH_COUNT(report->suppressed), 6);
        report_drop(report);
    }
}

/* Each source in its turn, the first that fits wins, and what became of each. */
static void test_sources(void **state)
{
    struct rule_text given = {.name = "a.supp", .bytes = "leak:conf\nleak:unused"};
    struct rule_text taken = {.name = "b.supp", .bytes = "leak:handle_request\nleak:conf"};
    struct report_request request = {0};
    struct rule_text *rules = NULL, *dump_rules = NULL;
    struct suppressed_counts counts;
    struct report *report;
    const struct finding *f;
    const struct rule *rule;
    char got[512] = "";

    given.size = strlen(given.bytes);
    taken.size = strlen(taken.bytes);
    DL_APPEND(rules, &given);
    DL_APPEND(dump_rules, &taken);
    request.rules = rules;
    request.dump_rules = dump_rules;
    report = report_of(world_build("leak:main until=2020-01-01\nheld:socket:conf\nbogus\n"
                                   "held:fd:conf max=0"),
                       &request);
    DL_FOREACH (report->rules, rule) {
        size_t used = strlen(got);

        if (rule->source != RULE_BUILT_IN)
            snprintf(got + used, sizeof(got) - used, "%s %s %u%s\n", rule->place,
                     rule_state_word(rule), rule->groups, rule_is_debt(rule) ? " debt" : "");
    }
    assert_string_equal(got, "a.supp:1 used 1\n"
                             "a.supp:2 unused 0 debt\n"
                             "b.supp:1 used 1\n"
                             "b.supp:2 unused 0 debt\n"
                             "program:1 expired 0 debt\n"
                             "program:2 used 1\n"
                             "program:3 bad 0 debt\n"
                             "program:4 exceeded 1 debt\n");
    counts = suppressed_count(report);
    assert_int_equal(counts.groups, 3);
    assert_int_equal(counts.rules, 3);
    assert_int_equal(counts.built_in, 0);
    hidden_check(report, "sources", " unre5 unre3 held1");
    for (f = report->findings; f && f->kind != CTT_KIND_FD; f = f->hh.next)
        ;
    while (f && !f->holdings) /* the mishap's */
        f = f->hh.next;
    assert_non_null(f);
    assert_non_null(f->lapsed);
    assert_string_equal(f->lapsed->place, "program:4");
    report_drop(report);
}

/* Each built-in rule by a block that it was made for. What the project's own code has
 * acquired by the same library, or was called by it to acquire, is told. */
static void test_built_in(void **state)
{
    static const struct {
        const char *stack;
        bool hidden;
    } rows[] = {
        {"malloc FcInitLoadConfigAndFonts main", true},
        {"malloc FcPatternCreate main", false},
        {"malloc load_conf FcInitLoadConfigAndFonts main", false},
        {"malloc Perl_safesysmalloc perl_construct main", true},
        {"malloc Perl_safesysmalloc perl_parse main", true},
        {"malloc Perl_safesysmalloc Perl_init_i18nl10n main", true},
        {"malloc Perl_safesysmalloc load_conf perl_parse main", false},
        {"malloc rb_method_definition_create ruby_setup main", true},
        {"malloc ruby_setup main", true},
        {"malloc ruby_process_options main", true},
        {"malloc ruby_xmalloc load_conf rb_method_definition_create main", false},
        {"malloc main", false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (unsigned off = 0; off < 2; off++) {
            struct report_request request = {.overrides = {off ? "builtin_rules=off" : NULL}};
            struct dump_builder *b = builder_new();
            bool hidden = rows[i].hidden && !off;
            struct report *report;

            builder_process(b, CTT_TRIGGER_EXIT, 0);
            builder_runtimes(b);
            builder_reach(b, CTT_REACH_JUDGED, NULL);
            builder_blocks(b, rows[i].stack, LOST, 1, 1, 0);
            report = report_of(b, &request);
            if (suppressed_count(report).built_in != hidden || report->errors != !hidden)
                fail_msg("%s, rules %s: %s", rows[i].stack, off ? "off" : "on",
                         hidden ? "told" : "not told");
            assert_int_equal(suppressed_count(report).groups, 0);
            report_drop(report);
        }
    }
}

/* The same of what is held in a context that has ended. */
static void test_built_in_held(void **state)
{
    static const struct {
        const char *stack;
        bool hidden;
    } rows[] = {
        {"open64 g_main_context_new_with_flags g_main_context_default main", true},
        {"open64 g_main_context_new_with_flags main", false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct report_request request = {0};
        struct dump_builder *b = builder_new();
        struct ctt_holding holding = {.kind = CTT_KIND_EVENT,
                                      .handle = 6,
                                      .context = 2,
                                      .stack = builder_stack(b, rows[i].stack),
                                      .acquired_ns = SEC,
                                      .last_used_ns = CTT_NEVER};
        struct report *report;

        builder_process(b, CTT_TRIGGER_EXIT, 0);
        builder_runtimes(b);
        builder_context(b, 2, 1, CTT_CONTEXT_CTX, CTT_STATE_OK, BUILT_NOW - 2 * SEC, "request");
        builder_record(b, CTT_HOLDING, &holding, sizeof(holding));
        report = report_of(b, &request);
        assert_int_equal(suppressed_count(report).built_in, rows[i].hidden);
        assert_int_equal(report->errors, !rows[i].hidden);
        report_drop(report);
    }
}

static void test_ignored(void **state)
{
    struct report_request request = {0};
    struct dump_builder *b = builder_new();
    struct report *report;

    builder_reach_scene(b, CTT_TRIGGER_EXIT);
    report = report_of(b, &request);
    assert_int_equal(ignored_count(report), 4);
    report_drop(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorts),    cmocka_unit_test(test_sources),
        cmocka_unit_test(test_built_in), cmocka_unit_test(test_built_in_held),
        cmocka_unit_test(test_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
