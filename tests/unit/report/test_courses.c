/* SPDX-License-Identifier: MIT */
/*
 * What detectors say of courses in time: late releases (D2), piles in a context and of
 * contexts (D3), growth (D11), and what was acquired after its context's end (D14). Each row
 * is a dump; `expected` is "detector severity grade count", or "" for silence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "findings.h"
#include "report/detectors/detector.h"
#include "report/report.h"

#define LIVE         CTT_TRIGGER_SIGNAL
#define AT_EXIT      CTT_TRIGGER_EXIT
#define FD           CTT_KIND_FD
#define MEMORY       CTT_KIND_MEMORY
#define OWN          CTT_KIND_OWN_FIRST
#define CTX          CTT_CONTEXT_CTX
#define PROCESS      CTT_CONTEXT_PROCESS
#define ENDED        CTT_STATE_CANCELLED
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { OWNER = 2 };

static const char own_stack[] = "open64 load_conf main", system_stack[] = "open64 sys_helper main";

static void check(struct dump_builder *b, bool all, const char *what, const char *expected)
{
    builder_finish(b);
    assert_int_equal(findings_check(b, all, what, expected), 0);
}

static void held_add(struct dump_builder *b, uint32_t kind, uint32_t stack, uint32_t context,
                     unsigned copies, uint64_t acquired_ns)
{
    struct ctt_holding holding = {.kind = kind,
                                  .context = context,
                                  .stack = stack,
                                  .acquired_ns = acquired_ns,
                                  .last_used_ns = CTT_NEVER};

    for (unsigned i = 0; i < copies; i++) {
        holding.handle = 3 + i;
        builder_record(b, CTT_HOLDING, &holding, sizeof(holding));
    }
}

static void site_add(struct dump_builder *b, uint32_t kind, uint32_t stack, uint64_t acquired,
                     uint64_t released)
{
    struct ctt_site site = {
        .stack = stack, .kind = kind, .acquired = acquired, .released = released};

    builder_record(b, CTT_SITE, &site, sizeof(site));
}

/* ---- D14 ---- */

static const struct after_row {
    const char *what;
    uint32_t trigger, kind, context_kind, state;
    uint64_t ended_ns, acquired_ns;
    const char *expected;
} after_rows[] = {
    {"after the cancel", LIVE, FD, CTX, ENDED, 10 * SEC, 11 * SEC,
     "acquire-after-cancel error proved 1"},
    {"after the cancel, exit", AT_EXIT, FD, CTX, ENDED, 10 * SEC, 11 * SEC,
     "acquire-after-cancel error proved 1"},
    {"after the deadline", LIVE, FD, CTX, CTT_STATE_DEADLINE, 10 * SEC, 11 * SEC,
     "acquire-after-cancel error proved 1"},
    {"a tick after", LIVE, FD, CTX, ENDED, 10 * SEC, 10 * SEC + 1,
     "acquire-after-cancel error proved 1"},
    {"after an end in error", LIVE, FD, CTX, CTT_STATE_ERROR, 10 * SEC, 11 * SEC,
     "acquire-after-cancel note proved 1"},
    {"in the same tick", LIVE, FD, CTX, ENDED, 10 * SEC, 10 * SEC,
     "held-after-cancel error proved 1"},
    {"before", LIVE, FD, CTX, ENDED, 10 * SEC, 9 * SEC, "held-after-cancel error proved 1"},
    {"just now, live", LIVE, FD, CTX, ENDED, 10 * SEC, BUILT_NOW - 900 * MS,
     "held-after-cancel error proved 1"},
    {"just now, exit", AT_EXIT, FD, CTX, ENDED, 10 * SEC, BUILT_NOW - 900 * MS,
     "acquire-after-cancel error proved 1"},
    {"ended just now", LIVE, FD, CTX, ENDED, BUILT_NOW - 900 * MS, BUILT_NOW - 800 * MS, ""},
    {"a thread's", LIVE, FD, CTT_CONTEXT_THREAD, CTT_STATE_OK, 10 * SEC, 11 * SEC,
     "held-after-cancel warning evidence 1"},
    {"still active", LIVE, FD, CTX, CTT_STATE_ACTIVE, CTT_NEVER, 11 * SEC, ""},
    {"a library", LIVE, CTT_KIND_MODULE, CTX, ENDED, 10 * SEC, 11 * SEC, ""},
};

static void test_acquired_after(void **state)
{
    for (size_t i = 0; i < COUNT(after_rows); i++) {
        const struct after_row *row = &after_rows[i];
        struct dump_builder *b = builder_new();

        builder_process(b, row->trigger, 0);
        builder_context(b, OWNER, 1, row->context_kind, row->state, row->ended_ns, "job");
        held_add(b, row->kind, builder_stack(b, own_stack), OWNER, 1, row->acquired_ns);
        check(b, false, row->what, row->expected);
    }
}

/* An end that was noticed late does not make what came before that any better. */
static void test_acquired_after_deadline(void **state)
{
    struct dump_builder *b = builder_new();
    struct ctt_context context = {.id = OWNER,
                                  .parent = 1,
                                  .kind = CTX,
                                  .state = ENDED,
                                  .created_ns = SEC,
                                  .ended_ns = 20 * SEC,
                                  .deadline_ns = 5 * SEC};

    builder_process(b, LIVE, 0);
    builder_record(b, CTT_CONTEXT, &context, sizeof(context));
    held_add(b, FD, builder_stack(b, own_stack), OWNER, 1, 6 * SEC);
    check(b, false, "deadline", "acquire-after-cancel error proved 1");
}

/* Of a group only the first and the last are known by their times. */
static void test_acquired_after_groups(void **state)
{
    static const struct {
        uint64_t oldest_ns;
        const char *expected;
    } rows[] = {
        {11 * SEC, "acquire-after-cancel error proved 7"},
        {9 * SEC, "held-after-cancel error proved 7"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dump_builder *b = builder_new();
        struct ctt_group group = {.kind = MEMORY,
                                  .context = OWNER,
                                  .count = 7,
                                  .bytes = 70,
                                  .oldest_ns = rows[i].oldest_ns,
                                  .newest_ns = 12 * SEC};

        builder_process(b, LIVE, 0);
        builder_context(b, OWNER, 1, CTX, ENDED, 10 * SEC, "job");
        group.stack = builder_stack(b, "malloc load_conf main");
        builder_record(b, CTT_GROUP, &group, sizeof(group));
        check(b, false, "group", rows[i].expected);
    }
}

/* ---- D2 ---- */

static void test_late(void **state)
{
    static const struct {
        const char *what, *grace, *stack;
        uint32_t trigger, bucket, count;
        const char *expected;
    } rows[] = {
        {"late", NULL, own_stack, LIVE, 45, 12, "late-release warning proved 12"},
        {"late, exit", NULL, own_stack, AT_EXIT, 45, 12, "late-release warning proved 12"},
        {"a system library's", NULL, "open64 sys_helper", LIVE, 45, 12,
         "late-release note proved 12"},
        {"made once for all", NULL, "open64 load_conf __pthread_once_slow main", LIVE, 45, 12, ""},
        {"within the grace", NULL, own_stack, LIVE, 40, 12, ""},
        {"within another grace", "3s", own_stack, LIVE, 45, 12, ""},
        {"after another grace", "100ms", own_stack, LIVE, 40, 1, "late-release warning proved 1"},
        {"none", NULL, own_stack, LIVE, 45, 0, ""},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dump_builder *b = builder_new();
        struct ctt_late late = {
            .kind = FD, .count = rows[i].count, .longest_ns = 3 * SEC, .acquired_after = 5};

        builder_process(b, rows[i].trigger, 0);
        if (rows[i].grace)
            builder_option(b, "grace", rows[i].grace);
        late.stack = builder_stack(b, rows[i].stack);
        late.buckets[rows[i].bucket] = rows[i].count;
        builder_record(b, CTT_LATE, &late, sizeof(late));
        site_add(b, FD, late.stack, 100, 100);
        check(b, false, rows[i].what, rows[i].expected);
    }
}

/* ---- D3 and D11: series ---- */

enum shape { RISES, LEVELS_OFF, FLAT, SAWTOOTH, STEPS };

struct series_row {
    const char *what;
    uint32_t trigger, kind;
    unsigned copies; /* held at the end */
    uint32_t context_kind;
    enum shape shape;
    uint32_t points;
    uint64_t apart_ns, idle_ns; /* since the last point */
    uint64_t releases;          /* from each point to the next */
    bool all;
    const char *stack; /* NULL: the program's own */
    const char *expected;
};

static uint64_t live_at(const struct series_row *row, uint32_t i)
{
    uint64_t last = row->copies;

    switch (row->shape) {
    case RISES:
        return last * (i + 1) / row->points;
    case LEVELS_OFF:
        return i < row->points / 2 ? last * (i + 1) * 2 / row->points - 1 : last - 1 + (i % 2);
    case FLAT:
        return last;
    case SAWTOOTH:
        return i % 3 == 2 || i + 1 == row->points ? last : last / 2 + i;
    case STEPS:
        return i < row->points - 1 ? last / 2 : last;
    }
    return 0;
}

static void series_add(struct dump_builder *b, const struct series_row *row, uint32_t stack)
{
    struct ctt_series series = {
        .stack = stack, .kind = row->kind, .count = row->points, .window_ns = row->apart_ns};
    uint64_t acquired = 1000;

    for (uint32_t i = 0; i < row->points; i++) {
        uint64_t live = live_at(row, i), before = i ? live_at(row, i - 1) : 0;

        acquired += row->releases + (live > before ? live - before : 0);
        series.points[i] = (struct ctt_point){
            BUILT_NOW - row->idle_ns - (row->points - 1 - i) * row->apart_ns, acquired, live};
    }
    site_add(b, row->kind, stack, acquired, acquired - row->copies);
    builder_record(b, CTT_SERIES, &series, sizeof(series));
}

static void memory_add(struct dump_builder *b, const struct series_row *row, uint32_t stack,
                       uint32_t context)
{
    struct ctt_group group = {.kind = MEMORY,
                              .context = context,
                              .stack = stack,
                              .count = row->copies,
                              .bytes = row->copies * 100,
                              .oldest_ns = SEC,
                              .newest_ns = BUILT_NOW - SEC};

    builder_record(b, CTT_GROUP, &group, sizeof(group));
}

static struct dump_builder *series_build(const struct series_row *row)
{
    struct dump_builder *b = builder_new();
    struct ctt_limit nofile;
    uint32_t stack, context = row->context_kind == PROCESS ? 1 : OWNER;

    builder_process(b, row->trigger, 0);
    if (context == OWNER)
        builder_context(b, OWNER, 1, row->context_kind, CTT_STATE_ACTIVE, CTT_NEVER, "server");
    nofile =
        (struct ctt_limit){builder_string(b, "nofile"), builder_string(b, "fds"), 400, 1024, 4096};
    builder_record(b, CTT_LIMIT, &nofile, sizeof(nofile));
    stack = builder_stack(b, row->stack ? row->stack : own_stack);
    if (row->kind == MEMORY)
        memory_add(b, row, stack, context);
    else
        held_add(b, row->kind, stack, context, row->copies, 2 * SEC);
    series_add(b, row, stack);
    return b;
}

static const struct series_row series_rows[] = {
    /* D3: none given back from each of the last three to the next. */
    {"a pile in a context", LIVE, FD, 40, CTX, RISES, 4, 10 * SEC, SEC, 0, false, NULL,
     "pile-up warning heuristic 40"},
    {"of the program's own kind", LIVE, OWN, 40, CTX, RISES, 4, 10 * SEC, SEC, 0, false, NULL,
     "pile-up warning heuristic 40"},
    {"a system library's", LIVE, FD, 40, CTX, RISES, 4, 10 * SEC, SEC, 0, false, system_stack,
     "pile-up note heuristic 40"},
    {"few", LIVE, FD, 15, CTX, RISES, 4, 10 * SEC, SEC, 0, false, NULL, ""},
    {"filled, and idle", LIVE, FD, 40, CTX, RISES, 4, 10 * SEC, 60 * SEC, 0, false, NULL, ""},
    {"filled fast", LIVE, FD, 40, CTX, RISES, 10, 2 * SEC, SEC, 0, false, NULL, ""},
    {"two counts", LIVE, FD, 40, CTX, RISES, 2, 10 * SEC, SEC, 0, false, NULL, ""},
    {"some come back", LIVE, FD, 40, CTX, RISES, 4, 10 * SEC, SEC, 1, false, NULL, ""},
    {"as many as before", LIVE, FD, 40, CTX, FLAT, 8, 10 * SEC, SEC, 5, false, NULL, ""},
    {"connections of clients", LIVE, CTT_KIND_SOCKET, 1000, CTX, RISES, 4, 10 * SEC, SEC, 0, false,
     "accept load_conf main", ""},
    {"of the process", LIVE, FD, 40, PROCESS, RISES, 4, 10 * SEC, SEC, 0, false, NULL, ""},
    {"of a thread", LIVE, FD, 40, CTT_CONTEXT_THREAD, RISES, 16, 10 * SEC, SEC, 0, false, NULL, ""},
    {"memory", LIVE, MEMORY, 40, CTX, RISES, 4, 10 * SEC, SEC, 0, false, NULL, ""},
    {"a pool of threads", LIVE, CTT_KIND_THREAD, 40, CTX, RISES, 4, 10 * SEC, SEC, 0, false, NULL,
     ""},
    {"a pile at exit", AT_EXIT, FD, 16, CTX, FLAT, 4, 10 * SEC, SEC, 0, false, NULL,
     "pile-up warning proved 16"},
    {"few at exit", AT_EXIT, FD, 15, CTX, RISES, 4, 10 * SEC, SEC, 0, false, NULL,
     "context-never-ended note proved 15"},
    {"sessions at exit", AT_EXIT, OWN, 200, CTX, FLAT, 8, 10 * SEC, SEC, 5, false, NULL,
     "context-never-ended note proved 200"},
    {"memory at exit", AT_EXIT, MEMORY, 200, CTX, FLAT, 8, 10 * SEC, SEC, 5, false, NULL,
     "context-never-ended note proved 200"},
    /* D11: most come back, and there are more and more. */
    {"growth", LIVE, FD, 80, CTX, RISES, 8, 10 * SEC, SEC, 3, false, NULL,
     "growth warning heuristic 80"},
    {"growth of the program's own kind", LIVE, OWN, 80, CTX, RISES, 16, 60 * SEC, SEC, 3, false,
     NULL, "growth warning heuristic 80"},
    {"growth of the process", LIVE, FD, 80, PROCESS, RISES, 16, 60 * SEC, SEC, 3, false, NULL,
     "growth note heuristic 80"},
    {"growth of a system library's", LIVE, FD, 80, CTX, RISES, 16, 60 * SEC, SEC, 3, false,
     system_stack, "growth note heuristic 80"},
    {"growth of clients", LIVE, CTT_KIND_SOCKET, 80, CTX, RISES, 16, 60 * SEC, SEC, 3, false,
     "accept load_conf main", "growth note heuristic 80"},
    {"growth of memory", LIVE, MEMORY, 80, CTX, RISES, 16, 60 * SEC, SEC, 3, false, NULL,
     "growth note heuristic 80"},
    {"growth of the process's memory", LIVE, MEMORY, 80, PROCESS, RISES, 16, 60 * SEC, SEC, 3,
     false, NULL, ""},
    {"the same, all", LIVE, MEMORY, 80, PROCESS, RISES, 16, 60 * SEC, SEC, 3, true, NULL,
     "growth note heuristic 80"},
    {"growth of mappings", LIVE, CTT_KIND_MAPPING, 80, PROCESS, RISES, 16, 60 * SEC, SEC, 3, false,
     NULL, "growth note heuristic 80"},
    {"the same, exit", AT_EXIT, CTT_KIND_MAPPING, 80, PROCESS, RISES, 16, 60 * SEC, SEC, 3, false,
     NULL, ""},
    {"seven windows", LIVE, FD, 80, CTX, RISES, 7, 10 * SEC, SEC, 3, false, NULL, ""},
    {"windows too short", LIVE, FD, 80, CTX, RISES, 16, 4 * SEC, SEC, 3, false, NULL, ""},
    {"a table filled at the start", LIVE, FD, 80, PROCESS, RISES, 16, 100 * MS, 7000 * SEC, 0,
     false, NULL, ""},
    {"a table filled slowly", LIVE, FD, 80, CTX, RISES, 16, 10 * SEC, 3600 * SEC, 0, false, NULL,
     ""},
    {"levels off", LIVE, FD, 80, CTX, LEVELS_OFF, 16, 60 * SEC, SEC, 3, false, NULL, ""},
    {"up and down", LIVE, FD, 80, CTX, SAWTOOTH, 12, 60 * SEC, SEC, 3, false, NULL, ""},
    {"one step", LIVE, FD, 80, CTX, STEPS, 12, 60 * SEC, SEC, 3, false, NULL, ""},
    {"few grow", LIVE, FD, 15, CTX, RISES, 15, 60 * SEC, SEC, 3, false, NULL, ""},
};

static void test_series(void **state)
{
    for (size_t i = 0; i < COUNT(series_rows); i++) {
        const struct series_row *row = &series_rows[i];

        check(series_build(row), row->all, row->what, row->expected);
    }
}

/* A thousand requests, each with a context of its own and one socket: none of them is a pile,
 * however fast they have become so many. */
static void test_one_for_each_request(void **state)
{
    enum { REQUESTS = 1000 };
    const struct series_row row = {
        "requests", LIVE, CTT_KIND_SOCKET, REQUESTS, CTX, RISES, 16, 60 * SEC,
        SEC,        0,    false,           NULL,     ""};
    struct dump_builder *b = builder_new();
    uint32_t stack;

    builder_process(b, LIVE, 0);
    stack = builder_stack(b, "socket handle_request main");
    for (uint32_t i = 0; i < REQUESTS; i++) {
        builder_context(b, OWNER + i, 1, CTX, CTT_STATE_ACTIVE, CTT_NEVER, "req:/");
        held_add(b, CTT_KIND_SOCKET, stack, OWNER + i, 1, 10 * SEC);
    }
    series_add(b, &row, stack);
    check(b, false, row.what, row.expected);
}

/* What the series says is not what is held: hooks have missed releases. */
static void test_series_of_others(void **state)
{
    const struct series_row row = {"missed", LIVE, FD, 80,    CTX,  RISES, 16,
                                   60 * SEC, SEC,  3,  false, NULL, ""};
    struct dump_builder *b = builder_new();
    uint32_t stack;

    builder_process(b, LIVE, 0);
    builder_context(b, OWNER, 1, CTX, CTT_STATE_ACTIVE, CTT_NEVER, "server");
    stack = builder_stack(b, own_stack);
    held_add(b, FD, stack, OWNER, 39, 10 * SEC);
    series_add(b, &row, stack);
    check(b, false, row.what, row.expected);
}

static void test_damaged_series(void **state)
{
    struct dump_builder *b = builder_new();
    struct ctt_series series = {.kind = FD, .count = CTT_SERIES_POINTS + 1};
    struct report_request request = {0};
    struct model *model = NULL;
    struct report *report;

    builder_process(b, LIVE, 0);
    series.stack = builder_stack(b, own_stack);
    site_add(b, FD, series.stack, 10, 0);
    builder_record(b, CTT_SERIES, &series, sizeof(series));
    series.count = CTT_SERIES_POINTS;
    builder_record(b, CTT_SERIES, &series, sizeof(series));
    builder_record(b, CTT_SERIES, &series, sizeof(series));
    builder_finish(b);
    assert_int_equal(model_load(&model, b->bytes, b->size), 0);
    assert_int_equal(model->strange_records, 2);
    report = report_new(model, &request);
    assert_null(report->findings);
    report_free(report);
    model_free(model);
    builder_free(b);
}

/* ---- D3: contexts ---- */

static const struct contexts_row {
    const char *what;
    unsigned count;
    uint32_t flags, parent_kind;
    bool maker_ended, holds, at_work, below_holds;
    uint64_t age_ns;
    const char *expected;
} contexts_rows[] = {
    {"idle connections of a server's loop", 1000, 0, CTX, .age_ns = 60 * SEC, .expected = ""},
    {"lost", 40, CTT_CONTEXT_LOST | CTT_CONTEXT_TO_END, CTX, .age_ns = 60 * SEC,
     .expected = "lost-cancel warning evidence 40"},
    {"few of makers that ended", 15, 0, CTX, .maker_ended = true, .age_ns = 60 * SEC,
     .expected = ""},
    {"their makers have ended", 40, 0, CTX, .maker_ended = true, .age_ns = 60 * SEC,
     .expected = "pile-up note heuristic 40"},
    {"just made", 40, 0, CTX, .maker_ended = true, .age_ns = 500 * MS, .expected = ""},
    {"they hold something", 40, 0, CTX, .maker_ended = true, .holds = true, .age_ns = 60 * SEC,
     .expected = ""},
    {"a task is at work", 40, 0, CTX, .maker_ended = true, .at_work = true, .age_ns = 60 * SEC,
     .expected = ""},
    {"those below hold something", 40, 0, CTX, .maker_ended = true, .below_holds = true,
     .age_ns = 60 * SEC, .expected = ""},
    {"ignored", 40, CTT_CONTEXT_IGNORED, CTX, .maker_ended = true, .age_ns = 60 * SEC,
     .expected = ""},
    {"of the process", 40, 0, PROCESS, .maker_ended = true, .age_ns = 60 * SEC, .expected = ""},
};

static void contexts_add(struct dump_builder *b, const struct contexts_row *row)
{
    enum { MAKER = 1, WORKER = 2, BELOW = 10000 };
    struct ctt_task maker = {.id = MAKER, .context = 1, .ended_ns = CTT_NEVER};
    struct ctt_task worker = {.id = WORKER, .context = 1, .ended_ns = CTT_NEVER};
    struct ctt_context context = {.parent = row->parent_kind == CTX ? OWNER : 1,
                                  .kind = CTX,
                                  .ended_ns = CTT_NEVER,
                                  .task = MAKER,
                                  .flags = row->flags,
                                  .created_ns = BUILT_NOW - row->age_ns};
    uint32_t stack = builder_stack(b, own_stack);

    context.created_stack = builder_stack(b, "walk handle_request main");
    maker.flags = row->maker_ended ? CTT_TASK_ENDED : CTT_TASK_MAIN;
    builder_record(b, CTT_TASK, &maker, sizeof(maker));
    for (uint32_t i = 0; i < row->count; i++) {
        context.id = OWNER + 1 + i;
        builder_record(b, CTT_CONTEXT, &context, sizeof(context));
        if (row->holds)
            held_add(b, FD, stack, context.id, 1, SEC);
        if (row->below_holds) {
            builder_context(b, BELOW + i, context.id, CTX, CTT_STATE_ACTIVE, CTT_NEVER, NULL);
            held_add(b, FD, stack, BELOW + i, 1, SEC);
        }
        worker.id = WORKER + i;
        worker.active = context.id;
        if (row->at_work)
            builder_record(b, CTT_TASK, &worker, sizeof(worker));
    }
}

static void test_contexts(void **state)
{
    for (size_t i = 0; i < COUNT(contexts_rows); i++) {
        struct dump_builder *b = builder_new();

        builder_process(b, LIVE, 0);
        builder_context(b, OWNER, 1, CTX, CTT_STATE_ACTIVE, CTT_NEVER, "server");
        contexts_add(b, &contexts_rows[i]);
        check(b, false, contexts_rows[i].what, contexts_rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acquired_after),
        cmocka_unit_test(test_acquired_after_deadline),
        cmocka_unit_test(test_acquired_after_groups),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_series),
        cmocka_unit_test(test_one_for_each_request),
        cmocka_unit_test(test_series_of_others),
        cmocka_unit_test(test_damaged_series),
        cmocka_unit_test(test_contexts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
