/* SPDX-License-Identifier: MIT */
/*
 * `report` and `diff` as a person calls them: series, summaries, filters, and
 * the exit status of everything that can be wrong.
 */
#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "capture.h"
#include "report/command.h"

/* `fds` of load_conf and one of main, in one process. */
static const char *fds_dump(uint32_t pid, uint32_t sequence, unsigned fds, bool ended)
{
    struct dump_builder *b = builder_new();
    struct ctt_holding fd = {.kind = CTT_KIND_FD, .context = 2, .last_used_ns = CTT_NEVER};

    b->pid = pid;
    b->sequence = sequence;
    b->mark_ns = 10 * SEC;
    builder_process(b, CTT_TRIGGER_SIGNAL, 0);
    builder_context(b, 2, 1, CTT_CONTEXT_CTX, ended ? CTT_STATE_OK : CTT_STATE_ACTIVE,
                    ended ? 60 * SEC : CTT_NEVER, "job");
    fd.stack = builder_stack(b, "open64 load_conf main");
    for (unsigned i = 0; i < fds; i++) {
        fd.handle = 3 + i;
        fd.acquired_ns = i * SEC;
        builder_record(b, CTT_HOLDING, &fd, sizeof(fd));
    }
    return capture_dump(b);
}

#define RUN(capture, command, ...)                                                                 \
    capture_run(capture, command, (const char *const[]){"x", __VA_ARGS__, NULL})

static void assert_says(const char *text, const char *wanted)
{
    if (!strstr(text, wanted))
        fail_msg("expected \"%s\" in:\n%s", wanted, text);
}

static void test_series(void **state)
{
    static struct capture c;
    const char *second = fds_dump(7, 2, 12, false), *first = fds_dump(7, 1, 5, false);

    RUN(&c, cmd_report, second, first);
    assert_int_equal(c.status, STATUS_OK);
    assert_says(c.out, "snapshot #2");
    assert_null(strstr(c.out, "snapshot #1"));
    assert_says(c.out, "+7  load_conf conf.c:57 < main");
    RUN(&c, cmd_report, "--each", first, second);
    assert_says(c.out, "snapshot #1");
    assert_says(c.out, "snapshot #2");
    capture_end();
}

static void test_summary(void **state)
{
    static struct capture c;
    const char *a = fds_dump(7, 1, 5, true), *b = fds_dump(8, 1, 6, true),
               *clean = fds_dump(9, 1, 1, false);

    RUN(&c, cmd_report, a, b, clean);
    assert_int_equal(c.status, STATUS_OK);
    assert_says(c.out, "3 processes, 2 with findings\n");
    assert_says(c.out, "held-after-cancel  fd           11         2  load_conf\n");
    assert_says(c.out, "verdict: 0 findings; 1 fd held now   (orders[9])\n");
    RUN(&c, cmd_report, "--format=json", a, b, clean);
    assert_int_equal(c.out[0], '[');
    assert_says(c.out, "\"pid\": 9");
    capture_end();
}

static void test_filters(void **state)
{
    static struct capture c;
    const char *a = fds_dump(7, 1, 12, false);

    RUN(&c, cmd_report, "--since=mark", a);
    assert_says(c.out, "held now, by count, acquired since the mark");
    assert_says(c.out, "verdict: 0 findings; 2 fds held now");
    RUN(&c, cmd_report, "--kind=socket", a);
    assert_null(strstr(c.out, "load_conf"));
    RUN(&c, cmd_report, "--option=grace=3h", a);
    assert_says(c.out, "verdict: 0 findings");
    capture_end();
}

/* Given on the command line, or named by the dump (which was taken in /srv). */
static void test_suppressions(void **state)
{
    static struct capture c;
    struct dump_builder *b = builder_new();
    const char *rules = capture_file("leak:nothing\nheld:fd:load_conf ticket=T-1\n");
    const char *bad = capture_file("\nheld:fd:load_conf\nnonsense\nheld:x:y\n");
    const char *a = fds_dump(7, 1, 5, true), *taken;

    RUN(&c, cmd_report, a);
    assert_says(c.out, "verdict: 1 FINDING");
    RUN(&c, cmd_report, "--suppressions", rules, a);
    assert_int_equal(c.status, STATUS_OK);
    assert_says(c.out, "verdict: 0 findings");
    assert_says(c.out, "\nsuppressed: 1 group (1 rule)\n");
    assert_null(strstr(c.out, "leak:nothing"));
    RUN(&c, cmd_report, "--suppressions", rules, "--all", a);
    assert_says(c.out, "  leak:nothing                         unused  (/tmp/ctxtrace-test-");
    assert_says(c.out, "1 group, 5 held  (/tmp/ctxtrace-test-");
    RUN(&c, cmd_report, "--suppressions", rules, "--format=json", a);
    assert_says(c.out, "\"suppressed\": \"held:fd:load_conf ticket=T-1\"}");
    assert_says(c.out, "\"held_after_cancel\": 0");
    RUN(&c, cmd_report, "--suppressions", bad, "--suppressions", "/nonexistent", a);
    assert_int_equal(c.status, STATUS_BAD_INPUT);
    assert_says(c.err, ":3: not a rule: expected leak:,");
    assert_says(c.err, ":4: not a rule: no such kind\n");
    assert_says(c.err, "ctxtrace: /nonexistent: No such file");
    assert_false(*c.out);

    builder_process(b, CTT_TRIGGER_EXIT, 0);
    builder_option(b, "suppressions", "none,/dev/zero,/proc/kcore,,/nonexistent");
    taken = capture_dump(b);
    RUN(&c, cmd_report, taken);
    assert_int_equal(c.status, STATUS_OK);
    assert_says(c.err, "ctxtrace: /srv/none: No such file or directory: no rules are taken");
    assert_says(c.err, "ctxtrace: /dev/zero: not a file of rules: no rules are taken");
    assert_says(c.err, "ctxtrace: /nonexistent: No such file or directory: no rules");
    assert_says(c.out, "verdict: 0 findings");
    capture_end();
}

/* A process that was started in a trace, with a request in one of its own that still holds
 * two descriptors and another that holds one. */
static const char *traced_dump(uint32_t pid, const char *trace_id, bool ended)
{
    struct dump_builder *b = builder_new();
    struct ctt_holding fd = {.kind = CTT_KIND_FD, .last_used_ns = CTT_NEVER};

    b->pid = pid;
    b->trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    builder_process(b, CTT_TRIGGER_SIGNAL, 0);
    struct ctt_context request = {.id = 2,
                                  .parent = 1,
                                  .kind = CTT_CONTEXT_CTX,
                                  .state = ended ? CTT_STATE_OK : CTT_STATE_ACTIVE,
                                  .ended_ns = ended ? SEC : CTT_NEVER,
                                  .name = builder_string(b, "req"),
                                  .trace_id = builder_string(b, trace_id)};

    builder_record(b, CTT_CONTEXT, &request, sizeof(request));
    builder_context(b, 3, 2, CTT_CONTEXT_CTX, ended ? CTT_STATE_OK : CTT_STATE_ACTIVE,
                    ended ? SEC : CTT_NEVER, "step");
    builder_context(b, 4, 1, CTT_CONTEXT_CTX, CTT_STATE_OK, SEC, "other");
    fd.stack = builder_stack(b, "open64 load_conf main");
    for (fd.handle = 3; fd.handle < 6; fd.handle++) {
        fd.context = (uint32_t)fd.handle == 5 ? 4 : (uint32_t)fd.handle - 1;
        builder_record(b, CTT_HOLDING, &fd, sizeof(fd));
    }
    return capture_dump(b);
}

static void test_trace(void **state)
{
    static struct capture c;
    static const char *const none[] = {"--trace=req", "--trace=4bf92f3", "--trace=req-77777x",
                                       "--trace="};
    const char *a = traced_dump(7, "req-77777", true), *b = traced_dump(8, "req-77777", false);

    RUN(&c, cmd_report, a);
    assert_says(c.out, "\nstarted in trace 4bf92f3577b34da6a3ce929d0e0e4736\nverdict: 3 FINDINGS");
    assert_says(c.out, "  req req-77777 (ended) ");
    assert_says(c.out, "  other (ended) ");
    RUN(&c, cmd_report, "--trace=req-77777", a);
    assert_int_equal(c.status, STATUS_OK);
    assert_says(c.out, "only what belongs to trace req-77777\nverdict: 2 FINDINGS, 2 resources");
    assert_null(strstr(c.out, "other"));
    RUN(&c, cmd_report, "--trace=req-77777", "--format=json", a);
    assert_null(strstr(c.out, "\"other\""));
    assert_says(c.out, "{\"id\": 1, \"parent\": null, \"kind\": \"process\"");
    /* The process's own is that of all in it. */
    RUN(&c, cmd_report, "--trace=4BF92F35", a);
    assert_says(c.out, "verdict: 3 FINDINGS");
    /* Not in this one, but in another. */
    RUN(&c, cmd_report, "--trace=req-77777", fds_dump(9, 1, 5, true), b);
    assert_int_equal(c.status, STATUS_OK);
    assert_says(c.out, "2 processes, 0 with findings");
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        RUN(&c, cmd_report, none[i], a);
        assert_int_equal(c.status, i < 3 ? STATUS_OK : STATUS_USAGE);
        if (i < 3)
            assert_says(c.out, "verdict: 0 findings");
        assert_says(c.err, i < 3 ? "there are: 4bf92f3577b34da6a3ce929d0e0e4736, req-77777\n"
                                 : "--trace= takes the id of a trace\n");
    }
    capture_end();
}

static void test_traces_of_processes(void **state)
{
    static struct capture c;
    const char *a = traced_dump(7, "req-77777", true), *b = traced_dump(8, "req-77777", false),
               *alone = traced_dump(9, "req-1", false);

    RUN(&c, cmd_report, a, b, alone);
    assert_int_equal(c.status, STATUS_OK);
    assert_says(c.out, "\ntraces (2)\n");
    assert_says(c.out, "  4bf92f3577b34da6a3ce929d0e0e4736         3        6        3      3  "
                       "orders[7], orders[8], orders");
    assert_says(c.out, "  req-77777                                2        4        2      4  "
                       "orders[7], orders[8]\n");
    RUN(&c, cmd_report, "--format=json", a, b, alone);
    assert_says(c.out,
                "{\"trace_id\": \"req-77777\", \"contexts\": 4, \"findings\": 2, \"held\": 4, "
                "\"processes\": [{\"pid\": 7, \"name\": \"orders\", \"host\": \"web-03\", "
                "\"contexts\": 2, \"findings\": 2, \"held\": 2}, {\"pid\": 8,");
    assert_null(strstr(c.out, "\"trace_id\": \"req-1\", \"contexts\": 2"));
    RUN(&c, cmd_report, "--format=dot", a, b);
    assert_says(c.out, "digraph contexts {\n");
    assert_null(strstr(c.out + 1, "digraph"));
    assert_says(c.out, "cluster_p7_123456_3");
    assert_says(c.out, "cluster_p8_123456_3");
    capture_end();
}

/* Kinds that only the dump has names of. */
static void test_own_kinds(void **state)
{
    static struct capture c;
    struct dump_builder *b = builder_new();
    struct ctt_holding lease = {.kind = CTT_KIND_OWN_FIRST + CTT_KIND_OWN_COUNT - 1,
                                .handle = 0x5555,
                                .context = 1,
                                .last_used_ns = CTT_NEVER};
    const char *dump;

    builder_process(b, CTT_TRIGGER_SIGNAL, 0);
    lease.stack = builder_stack(b, "malloc load_conf main");
    builder_record(b, CTT_KIND, &(struct ctt_kind){lease.kind, builder_string(b, "lease"), 0, 0},
                   sizeof(struct ctt_kind));
    builder_record(b, CTT_HOLDING, &lease, sizeof(lease));
    lease.kind = CTT_KIND_FD;
    builder_record(b, CTT_HOLDING, &lease, sizeof(lease));
    dump = capture_dump(b);
    RUN(&c, cmd_report, dump);
    assert_says(c.out, "verdict: 0 findings; 1 fd, 1 lease held now");
    RUN(&c, cmd_report, "--kind=lease", dump);
    assert_int_equal(c.status, STATUS_OK);
    assert_says(c.out, "verdict: 0 findings; 1 lease held now");
    RUN(&c, cmd_report, "--format=json", dump);
    assert_says(c.out, "\"lease\": {\"live\": 1");
    RUN(&c, cmd_report, "--kind=leases", dump);
    assert_int_equal(c.status, STATUS_USAGE);
    capture_end();
}

static void test_diff(void **state)
{
    static struct capture c;
    const char *a = fds_dump(7, 1, 5, false), *b = fds_dump(8, 1, 12, false);

    RUN(&c, cmd_diff, a, b);
    assert_int_equal(c.status, STATUS_OK);
    assert_says(c.out, "grown   fd               5        12        +7");
    assert_says(c.out, "1 stack changed, 0 the same");
    RUN(&c, cmd_diff, "--format=json", b, a);
    assert_says(c.out, "\"change\": \"shrunk\"");
    RUN(&c, cmd_diff, a);
    assert_int_equal(c.status, STATUS_USAGE);
    RUN(&c, cmd_diff, a, "/nonexistent");
    assert_int_equal(c.status, STATUS_BAD_INPUT);
    capture_end();
}

/* A lease, whose kind is numbered after `others` that the program had before. */
static const char *lease_dump(uint32_t others)
{
    struct dump_builder *b = builder_new();
    struct ctt_holding lease = {
        .kind = CTT_KIND_OWN_FIRST + others, .context = 1, .last_used_ns = CTT_NEVER};

    builder_process(b, CTT_TRIGGER_SIGNAL, 0);
    for (uint32_t i = 0; i <= others; i++) {
        struct ctt_kind kind = {CTT_KIND_OWN_FIRST + i,
                                builder_string(b, i < others ? "other" : "lease"), 0, 0};

        builder_record(b, CTT_KIND, &kind, sizeof(kind));
    }
    lease.stack = builder_stack(b, "malloc load_conf main");
    builder_record(b, CTT_HOLDING, &lease, sizeof(lease));
    return capture_dump(b);
}

static void test_diff_of_own_kinds(void **state)
{
    static struct capture c;
    const char *a = lease_dump(0), *b = lease_dump(3);

    RUN(&c, cmd_diff, a, b);
    assert_says(c.out, "0 stacks changed, 1 the same");
    RUN(&c, cmd_diff, "--all", b, a);
    assert_says(c.out, "same    lease            1         1");
    capture_end();
}

/* One stack's blocks as a dump sampled 1 in `sample_bytes` tells them. */
static const char *blocks_dump(uint64_t sample_bytes, double more)
{
    struct dump_builder *b = builder_new();
    struct ctt_group group = {
        .kind = CTT_KIND_MEMORY,
        .context = 1,
        .stack = builder_stack(b, "malloc load_conf main"),
        .count = 10,
        .bytes = 1000,
        .sampled = sample_bytes ? 10 : 0,
        .more_count = more,
        .more_bytes = 100 * more,
        .count_variance = more * more,
        .bytes_variance = 10000 * more * more,
    };

    b->sample_bytes = sample_bytes;
    builder_process(b, CTT_TRIGGER_SIGNAL, 0);
    builder_record(b, CTT_GROUP, &group, sizeof(group));
    return capture_dump(b);
}

static void test_diff_of_estimates(void **state)
{
    static struct capture c;
    const char *a = blocks_dump(1000, 290), *b = blocks_dump(1000, 390), *exact = blocks_dump(0, 0);

    RUN(&c, cmd_diff, a, b);
    assert_int_equal(c.status, STATUS_OK);
    assert_says(c.out, "memory sampled 1 in 1000 B\n");
    assert_says(c.out, "grown   memory         300       400      +100 +-    486");
    RUN(&c, cmd_diff, "--format=json", a, b);
    assert_says(c.out,
                "\"count_a\": 300, \"count_b\": 400, \"bytes_a\": 30000, \"bytes_b\": 40000, "
                "\"count_error\": 486");
    RUN(&c, cmd_diff, exact, a);
    assert_int_equal(c.status, STATUS_USAGE);
    assert_says(c.err, "memory is not recorded alike: sample=0 in");
    assert_false(*c.out);
    RUN(&c, cmd_diff, "--force", exact, a);
    assert_int_equal(c.status, STATUS_OK);
    assert_says(c.out, "grown   memory          10       300");
    RUN(&c, cmd_diff, exact, exact);
    assert_says(c.out, "0 stacks changed, 1 the same");
    assert_null(strstr(c.out, "error"));
    capture_end();
}

static void test_statuses(void **state)
{
    static struct capture c;
    struct dump_builder *blind = builder_new();
    struct ctt_health health = {.status = CTT_HEALTH_INCONCLUSIVE};
    const char *good = fds_dump(7, 1, 5, true), *inconclusive;

    builder_process(blind, CTT_TRIGGER_EXIT, 0);
    builder_record(blind, CTT_HEALTH, &health, sizeof(health));
    inconclusive = capture_dump(blind);
    RUN(&c, cmd_report, good);
    assert_int_equal(c.status, STATUS_OK);
    RUN(&c, cmd_report, inconclusive);
    assert_int_equal(c.status, STATUS_OK);
    assert_says(c.out, "verdict: INCONCLUSIVE");
    RUN(&c, cmd_report, "--strict", inconclusive);
    assert_int_equal(c.status, STATUS_INCONCLUSIVE);
    RUN(&c, cmd_report, good, "/etc/passwd");
    assert_int_equal(c.status, STATUS_BAD_INPUT);
    assert_says(c.err, "not a ctxtrace dump");
    assert_says(c.out, "verdict: 1 FINDING");
    capture_end();
}

static void test_usage(void **state)
{
    static const char *const wrong[] = {"--bogus",   "--format=xml",      "--since=noon",
                                        "--kind",    "--option=dir=/tmp", "--option=grace",
                                        "--kind=foo"};
    static struct capture c;
    const char *good = fds_dump(7, 1, 5, true);

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        /* "--kind" swallows the file and leaves none. */
        RUN(&c, cmd_report, wrong[i], good);
        if (c.status != STATUS_USAGE)
            fail_msg("%s: status %d", wrong[i], c.status);
        assert_true(*c.err);
        assert_false(*c.out);
    }
    RUN(&c, cmd_report, "--format=text:/nonexistent/x", good);
    assert_int_equal(c.status, STATUS_INTERNAL);
    RUN(&c, cmd_report, "--help");
    assert_int_equal(c.status, STATUS_OK);
    assert_says(c.out, "--format");
    capture_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_series),
        cmocka_unit_test(test_summary),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_suppressions),
        cmocka_unit_test(test_trace),
        cmocka_unit_test(test_traces_of_processes),
        cmocka_unit_test(test_own_kinds),
        cmocka_unit_test(test_diff),
        cmocka_unit_test(test_diff_of_own_kinds),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_diff_of_estimates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
