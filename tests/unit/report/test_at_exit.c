/* SPDX-License-Identifier: MIT */
/*
 * What a plain LD_PRELOAD run prints: a table of dumps, each with the exit
 * status and the first line of what `at-exit` says, or silence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "capture.h"
#include "report/command.h"

enum { COUNT_MAX = 3 };

static const struct row {
    const char *what;
    const char *key, *value; /* one option */
    struct {
        uint32_t kind;
        const char *stack;
        unsigned count;
    } held[COUNT_MAX];
    uint32_t flags;
    const char *suppressions; /* of the program's own */
    const char *blind_since;  /* why the tracker can say nothing */
    int status;
    const char *expected; /* how stderr begins; NULL: silence */
} rows[] = {
    {"nothing held", .status = STATUS_OK},
    {"a toy with a forgotten open", .held = {{CTT_KIND_FD, "open64 load_conf main", 1}},
     .status = STATUS_HELD, .expected = "verdict: 0 findings; 1 fd still held at exit"},
    {"two kinds",
     .held = {{CTT_KIND_FD, "open64 load_conf main", 1}, {CTT_KIND_STREAM, "fopen64 main", 2}},
     .status = STATUS_HELD, .expected = "verdict: 0 findings; 1 fd, 2 streams still held at exit"},
    {"held by a system module", .held = {{CTT_KIND_FD, "open64 sys_helper main", 5}},
     .status = STATUS_OK},
    {"held by both, the program's told",
     .held = {{CTT_KIND_FD, "open64 sys_helper main", 5}, {CTT_KIND_DIR, "open64 main", 1}},
     .status = STATUS_HELD, .expected = "verdict: 0 findings; 1 dir still held at exit"},
    {"held=all",
     "held",
     "all",
     {{CTT_KIND_FD, "open64 sys_helper main", 5}},
     .status = STATUS_HELD,
     .expected = "verdict: 0 findings; 5 fds still held at exit"},
    {"held=none", "held", "none", {{CTT_KIND_FD, "open64 main", 5}}, .status = STATUS_OK},
    {"memory alone", .held = {{CTT_KIND_MEMORY, "malloc main", 5}}, .status = STATUS_OK},
    {"memory alone, held=all",
     "held",
     "all",
     {{CTT_KIND_MEMORY, "malloc main", 5}},
     .status = STATUS_OK},
    {"inherited", .held = {{CTT_KIND_FD, "open64 main", 1}}, .flags = CTT_HOLDING_INHERITED,
     .status = STATUS_OK},
    {"verbose, nothing", "verbose", "1", .status = STATUS_OK, .expected = "verdict: 0 findings"},
    {"a pile", .held = {{CTT_KIND_FD, "open64 main", 16}}, .status = STATUS_FINDINGS,
     .expected = "ctxtrace "},
    {"a pile in a system module", .held = {{CTT_KIND_FD, "open64 sys_helper", 16}},
     .status = STATUS_OK},
    {"exit=all",
     "exit",
     "all",
     {{CTT_KIND_FD, "open64 sys_helper", 1}},
     .status = STATUS_FINDINGS,
     .expected = "ctxtrace "},
    {"a pile, suppressed", .held = {{CTT_KIND_FD, "open64 main", 16}},
     .suppressions = "held:fd:main", .status = STATUS_OK},
    {"a forgotten open, suppressed", .held = {{CTT_KIND_FD, "open64 main", 1}},
     .suppressions = "held:fd:main", .status = STATUS_OK},
    {"lost memory", .held = {{CTT_KIND_MEMORY, "malloc main", 1}}, .flags = CTT_HOLDING_LOST,
     .status = STATUS_FINDINGS, .expected = "ctxtrace "},
    {"lost memory, suppressed", .held = {{CTT_KIND_MEMORY, "malloc main", 1}},
     .flags = CTT_HOLDING_LOST, .suppressions = "leak:main", .status = STATUS_OK},
    {"lost memory of a system program's", .held = {{CTT_KIND_MEMORY, "malloc sys_helper", 1}},
     .flags = CTT_HOLDING_LOST, .status = STATUS_OK},
    {"all suppressed, verbose",
     "verbose",
     "1",
     {{CTT_KIND_MEMORY, "malloc main", 1}},
     .flags = CTT_HOLDING_LOST,
     .suppressions = "leak:main",
     .status = STATUS_OK,
     .expected = "verdict: 0 findings"},
    {"switched off", .blind_since = "switched off at 7 s", .status = STATUS_OK,
     .expected = "verdict: INCONCLUSIVE, switched off at 7 s   ("},
    {"exit=declared", "exit", "declared", {{CTT_KIND_FD, "open64 main", 99}}, .status = STATUS_OK},
};

static struct dump_builder *row_build(const struct row *row)
{
    struct dump_builder *b = builder_new();

    b->suppressions = row->suppressions;
    builder_process(b, CTT_TRIGGER_EXIT, 0);
    builder_reach(b, CTT_REACH_JUDGED, NULL);
    if (row->key)
        builder_option(b, row->key, row->value);
    if (row->blind_since) {
        struct ctt_health health = {CTT_HEALTH_INCONCLUSIVE, 0, builder_string(b, row->blind_since),
                                    0};
        builder_record(b, CTT_HEALTH, &health, sizeof(health));
    }
    for (int i = 0; i < COUNT_MAX && row->held[i].count; i++) {
        struct ctt_holding holding = {
            .kind = row->held[i].kind,
            .flags = row->flags,
            .context = 1,
            .last_used_ns = CTT_NEVER,
            .name = builder_string(b, "/etc/x"),
            .stack = builder_stack(b, row->held[i].stack),
        };

        for (unsigned k = 0; k < row->held[i].count; k++)
            builder_record(b, CTT_HOLDING, &holding, sizeof(holding));
    }
    return b;
}

static void row_check(const struct row *row)
{
    static struct capture c;
    const char *const arguments[] = {"at-exit", capture_dump(row_build(row)), NULL};

    capture_run(&c, cmd_at_exit, arguments);
    capture_end();
    if (c.status != row->status)
        fail_msg("%s: status %d, expected %d", row->what, c.status, row->status);
    if (*c.out)
        fail_msg("%s: wrote to stdout", row->what);
    if (row->expected ? strncmp(c.err, row->expected, strlen(row->expected)) != 0 : *c.err)
        fail_msg("%s: printed \"%s\"", row->what, c.err);
}

static void test_rows(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        row_check(&rows[i]);
}

/* The lines under the verdict: what, where in the program, and where to look
 * when the dump is kept. */
static void test_lines(void **state)
{
    static const struct row toy = {
        "toy", "dir", "/srv/dumps",
        .held = {{CTT_KIND_FD, "open64 sys_helper", 1}, {CTT_KIND_FD, "open64 load_conf main", 1}}};
    static struct capture c;
    const char *const arguments[] = {"at-exit", capture_dump(row_build(&toy)), NULL};

    capture_run(&c, cmd_at_exit, arguments);
    assert_non_null(strstr(c.err, "  1 fd       /etc/x"));
    assert_non_null(strstr(c.err, "load_conf                src/conf.c:57\n"));
    assert_non_null(strstr(c.err, "  ctxtrace report /tmp/ctxtrace-test-"));
    capture_end();
}

static void test_bad_input(void **state)
{
    static struct capture c;
    const char *const arguments[] = {"at-exit", "/nonexistent/x.ctt", NULL};

    capture_run(&c, cmd_at_exit, arguments);
    assert_int_equal(c.status, STATUS_BAD_INPUT);
    assert_non_null(strstr(c.err, "No such file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_bad_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
