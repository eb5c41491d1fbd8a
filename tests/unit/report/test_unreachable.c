/* SPDX-License-Identifier: MIT */
/*
 * D17: which memory is told of, how severe it is, and which is not. A row is a dump with
 * blocks of one sort; `expected` is "detector severity grade count", or "" for silence.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dump_builder.h"
#include "report/detectors/detector.h"
#include "report/live.h"
#include "report/report.h"

enum { OWNER = 2 };

#define LOST    CTT_HOLDING_LOST
#define AT_EXIT CTT_TRIGGER_EXIT
#define FATAL   CTT_TRIGGER_FATAL
#define CTX     CTT_CONTEXT_CTX
#define THREAD  CTT_CONTEXT_THREAD
#define OK      CTT_STATE_OK

static const struct row {
    const char *what;
    uint32_t trigger;
    int exit_code;
    uint32_t signal, flags, reach;
    uint32_t context_kind, state, context_flags; /* 0: the process */
    const char *stack;                           /* NULL: malloc called by the program */
    const char *expected;
} rows[] = {
    {"lost", AT_EXIT, .flags = LOST, .expected = "unreachable error evidence 3"},
    {"a ring", AT_EXIT, .flags = LOST | CTT_HOLDING_RING,
     .expected = "unreachable error evidence 3"},
    {"lost with another", AT_EXIT, .flags = CTT_HOLDING_LOST_PART, .expected = ""},
    {"reached by its middle", AT_EXIT, .flags = CTT_HOLDING_INSIDE, .expected = ""},
    {"reached", AT_EXIT, .flags = CTT_HOLDING_REACHED, .expected = ""},
    {"not judged at all", AT_EXIT, .flags = 0, .expected = ""},
    {"inherited", AT_EXIT, .flags = LOST | CTT_HOLDING_INHERITED, .expected = ""},
    /* how the program ended */
    {"live", CTT_TRIGGER_SIGNAL, .flags = LOST, .expected = "unreachable error evidence 3"},
    {"exec", CTT_TRIGGER_EXEC, .flags = LOST, .expected = "unreachable error evidence 3"},
    {"exit 1", AT_EXIT, 1, .flags = LOST, .expected = "unreachable warning evidence 3"},
    {"SIGSEGV", FATAL, .signal = SIGSEGV, .flags = LOST,
     .expected = "unreachable warning evidence 3"},
    {"SIGABRT", FATAL, .signal = SIGABRT, .flags = LOST,
     .expected = "unreachable warning evidence 3"},
    {"SIGTERM", FATAL, .signal = SIGTERM, .flags = LOST,
     .expected = "unreachable error evidence 3"},
    {"SIGINT", FATAL, .signal = SIGINT, .flags = LOST, .expected = "unreachable error evidence 3"},
    {"SIGHUP", FATAL, .signal = SIGHUP, .flags = LOST, .expected = "unreachable error evidence 3"},
    /* whose */
    {"of a thread that has ended", AT_EXIT, .flags = LOST, .context_kind = THREAD, .state = OK,
     .expected = "unreachable error evidence 3"},
    {"handed over by a thread that has ended", AT_EXIT, .flags = CTT_HOLDING_REACHED,
     .context_kind = THREAD, .state = OK, .expected = ""},
    {"of a thread that ended in error", AT_EXIT, .flags = LOST, .context_kind = THREAD,
     .state = CTT_STATE_ERROR, .expected = "unreachable warning evidence 3"},
    {"the same, then SIGTERM", FATAL, .signal = SIGTERM, .flags = LOST, .context_kind = THREAD,
     .state = CTT_STATE_ERROR, .expected = "unreachable warning evidence 3"},
    {"of a ctx that has ended", AT_EXIT, .flags = LOST, .context_kind = CTX, .state = OK,
     .expected = "held-after-cancel error proved 3"},
    {"of a ctx that has not ended", AT_EXIT, .flags = LOST, .context_kind = CTX,
     .expected = "unreachable error evidence 3"},
    {"reached, of a ctx that has not ended", AT_EXIT, .flags = CTT_HOLDING_REACHED,
     .context_kind = CTX, .expected = "context-never-ended note proved 3"},
    {"of an ignored scope", AT_EXIT, .flags = LOST, .context_kind = CTT_CONTEXT_SCOPE, .state = OK,
     .context_flags = CTT_CONTEXT_IGNORED, .expected = ""},
    {"of an ignored scope, not ended", AT_EXIT, .flags = LOST, .context_kind = CTT_CONTEXT_SCOPE,
     .context_flags = CTT_CONTEXT_IGNORED, .expected = ""},
    /* how sure */
    {"doubtful", AT_EXIT, .flags = LOST, .reach = CTT_REACH_DOUBTFUL,
     .expected = "unreachable note evidence 3"},
    {"judged in a way to come", AT_EXIT, .flags = LOST, .reach = 7,
     .expected = "unreachable note evidence 3"},
    {"a system program's", AT_EXIT, .flags = LOST, .stack = "malloc sys_helper",
     .expected = "unreachable note evidence 3"},
    {"a system library's, called by the program", AT_EXIT, .flags = LOST,
     .stack = "malloc sys_helper main", .expected = "unreachable error evidence 3"},
};

static struct report *report_of(struct dump_builder *b)
{
    static const struct report_request request = {0};
    struct model *model = NULL;

    builder_finish(b);
    assert_int_equal(model_load(&model, b->bytes, b->size), 0);
    builder_free(b);
    model_symbolize(model, NULL);
    return report_new(model, &request);
}

static void report_drop(struct report *report)
{
    struct model *model = report->model;

    report_free(report);
    model_free(model);
}

static void findings_check(struct dump_builder *b, const char *what, const char *expected)
{
    struct report *report = report_of(b);
    char got[256] = "";

    for (const struct finding *f = report->findings; f; f = f->hh.next) {
        size_t used = strlen(got);

        snprintf(got + used, sizeof(got) - used, "%s%s %s %s %u", used ? "; " : "",
                 f->detector->name, severity_word(f->severity), grade_word(f->grade),
                 (unsigned)f->count);
    }
    if (strcmp(got, expected) != 0)
        fail_msg("%s: expected \"%s\", got \"%s\"", what, expected, got);
    report_drop(report);
}

static struct dump_builder *row_build(const struct row *row)
{
    struct dump_builder *b = builder_new();

    b->signal = row->signal;
    builder_process(b, row->trigger, row->exit_code);
    b->context_flags = row->context_flags;
    if (row->context_kind)
        builder_context(b, OWNER, 1, row->context_kind, row->state,
                        row->state == CTT_STATE_ACTIVE ? CTT_NEVER : SEC, "job");
    builder_reach(b, row->reach ? row->reach : CTT_REACH_JUDGED, NULL);
    builder_blocks(b, row->stack ? row->stack : "malloc load_conf main", row->flags,
                   row->context_kind ? OWNER : 1, 3, 0);
    return b;
}

static void test_table(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        findings_check(row_build(&rows[i]), rows[i].what, rows[i].expected);
}

/* Without a word on how memory was judged, or with that it was not. */
static void test_not_judged(void **state)
{
    struct dump_builder *silent = builder_new(), *refused = builder_new();

    builder_process(silent, AT_EXIT, 0);
    builder_blocks(silent, "malloc main", LOST, 1, 3, 0);
    findings_check(silent, "no record", "");
    builder_process(refused, AT_EXIT, 0);
    builder_reach(refused, CTT_REACH_NONE, "no memory for a copy");
    builder_blocks(refused, "malloc main", LOST, 1, 3, 0);
    findings_check(refused, "not judged", "");
}

/* The FILE of a forgotten stream is that stream's: the same call, to the last address. */
static void test_streams(void **state)
{
    static const struct {
        uint32_t kind, flags, trigger;
        const char *opened, *acquired, *expected;
        int exit_code;
        uint32_t reach;
        bool in_ctx; /* that has not ended */
        unsigned copies;
    } streams[] = {
        {CTT_KIND_STREAM, CTT_HOLDING_LIBC_ONLY, AT_EXIT, "fopen64 load_conf main",
         "malloc fopen64 load_conf main", .expected = "held-at-exit warning proved 1"},
        {CTT_KIND_STREAM, CTT_HOLDING_LIBC_ONLY, AT_EXIT, "fopen64 load_conf main",
         "malloc load_conf main", .expected = "held-at-exit warning proved 1"},
        {CTT_KIND_DIR, CTT_HOLDING_LIBC_ONLY, AT_EXIT, "opendir load_conf main",
         "malloc opendir load_conf main", .expected = "held-at-exit warning proved 1"},
        {CTT_KIND_STREAM, CTT_HOLDING_LIBC_ONLY, AT_EXIT, "fopen64 load_conf main",
         "malloc fopen64 walk main",
         .expected = "unreachable error evidence 3; held-at-exit warning proved 1"},
        {CTT_KIND_STREAM, CTT_HOLDING_LIBC_ONLY, AT_EXIT, "fopen64 load_conf main",
         "malloc fopen64 load_conf handle_request main",
         .expected = "unreachable error evidence 3; held-at-exit warning proved 1"},
        {CTT_KIND_STREAM, 0, AT_EXIT, "fopen64 load_conf main", "malloc fopen64 load_conf main",
         .expected = "unreachable error evidence 3; held-at-exit note proved 1"},
        {CTT_KIND_FD, CTT_HOLDING_LIBC_ONLY, AT_EXIT, "open64 load_conf main",
         "malloc load_conf main",
         .expected = "unreachable error evidence 3; held-at-exit warning proved 1"},
        /* Only where the stream is told of as loudly. */
        {CTT_KIND_DIR, CTT_HOLDING_LIBC_ONLY, AT_EXIT, "opendir load_conf main",
         "malloc opendir load_conf main", .expected = "held-at-exit warning proved 1",
         .exit_code = 1},
        {CTT_KIND_DIR, CTT_HOLDING_LIBC_ONLY, AT_EXIT, "opendir load_conf main",
         "malloc opendir load_conf main", .expected = "pile-up warning proved 20", .exit_code = 1,
         .copies = 20},
        {CTT_KIND_DIR, CTT_HOLDING_LIBC_ONLY, AT_EXIT, "opendir load_conf main",
         "malloc opendir load_conf main", .expected = "held-at-exit note proved 1",
         .reach = CTT_REACH_DOUBTFUL},
        {CTT_KIND_DIR, CTT_HOLDING_LIBC_ONLY, AT_EXIT, "opendir sys_helper",
         "malloc opendir sys_helper", .expected = "held-at-exit note proved 1"},
        {CTT_KIND_DIR, CTT_HOLDING_LIBC_ONLY, AT_EXIT, "opendir load_conf main",
         "malloc opendir load_conf main",
         .expected = "unreachable error evidence 3; context-never-ended note proved 1",
         .in_ctx = true},
        {CTT_KIND_STREAM, CTT_HOLDING_LIBC_ONLY, FATAL, "fopen64 load_conf main",
         "malloc fopen64 load_conf main", .expected = "held-at-exit warning proved 1"},
        /* Nobody tells of the stream there. */
        {CTT_KIND_STREAM, CTT_HOLDING_LIBC_ONLY, CTT_TRIGGER_SIGNAL, "fopen64 load_conf main",
         "malloc fopen64 load_conf main", .expected = "unreachable error evidence 3"},
    };

    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        struct dump_builder *b = builder_new();
        struct ctt_holding stream = {.kind = streams[i].kind,
                                     .flags = streams[i].flags,
                                     .handle = 0x5555,
                                     .context = 1,
                                     .last_used_ns = CTT_NEVER};

        builder_process(b, streams[i].trigger, streams[i].exit_code);
        builder_reach(b, streams[i].reach ? streams[i].reach : CTT_REACH_JUDGED, NULL);
        if (streams[i].in_ctx)
            builder_context(b, OWNER, 1, CTX, CTT_STATE_ACTIVE, CTT_NEVER, "job");
        stream.context = streams[i].in_ctx ? OWNER : 1;
        stream.stack = builder_stack(b, streams[i].opened);
        for (unsigned k = 0; k < (streams[i].copies ? streams[i].copies : 1); k++)
            builder_record(b, CTT_HOLDING, &stream, sizeof(stream));
        builder_blocks(b, streams[i].acquired, LOST, stream.context, 3, 0);
        findings_check(b, streams[i].acquired, streams[i].expected);
    }
}

/* Groups of one stack are one finding, and one row of what is live, as if nobody had
 * looked at what reaches them. */
static void test_split(void **state)
{
    struct dump_builder *b = builder_new();
    struct report *report;
    const struct finding *f;
    struct live live;

    builder_reach_scene(b, AT_EXIT);
    report = report_of(b);
    for (f = report->findings; f && f->lost.count != 5; f = f->hh.next)
        ;
    assert_non_null(f);
    assert_int_equal(f->count, 5);
    assert_int_equal(f->lost.bytes, 400);
    assert_int_equal(f->lost.in_rings, 2);
    assert_int_equal(f->lost.parts, 12);
    assert_int_equal(f->lost.parts_bytes, 12 * 256);
    live = live_make(report, false);
    for (size_t i = 0; i < live.count; i++) {
        if (live.rows[i].stack != f->stack)
            continue;
        assert_int_equal(live.rows[i].count, 14);
        assert_int_equal(live.rows[i].bytes, 14 * 80);
        assert_int_equal(live.rows[i].site->acquired, 1000);
        f = NULL;
        break;
    }
    assert_null(f);
    live_drop(&live);
    report_drop(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_not_judged),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_split),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
