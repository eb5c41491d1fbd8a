/* SPDX-License-Identifier: MIT */
/*
 * The text report against tests/golden.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dump_builder.h"
#include "golden.h"
#include "report/render/text_parts.h"

static const struct report_request plain = {.path = "orders.4711.3.ctt"};

static void test_live(void **state)
{
    golden_check("live.txt", "text", CTT_TRIGGER_SIGNAL, &plain);
}

static void test_exit(void **state)
{
    golden_check("exit.txt", "text", CTT_TRIGGER_EXIT, &plain);
}

static void test_fatal(void **state)
{
    golden_check("fatal.txt", "text", CTT_TRIGGER_FATAL, &plain);
}

static void test_kind(void **state)
{
    struct report_request request = {.kind = "stream", .all = true};

    golden_check("kind-stream.txt", "text", CTT_TRIGGER_EXIT, &request);
}

static void test_color(void **state)
{
    struct report_request request = {.color = true, .kind = "thread"};

    golden_check("color.txt", "text", CTT_TRIGGER_SIGNAL, &request);
}

static void test_sampled(void **state)
{
    golden_check_sampled("sampled.txt", "text", &plain);
}

static void test_reach(void **state)
{
    struct report_request request = {.path = "orders.4711.3.ctt", .all = true};

    golden_check_reach("reach.txt", "text", CTT_TRIGGER_EXIT, &plain);
    golden_check_reach("reach-all.txt", "text", CTT_TRIGGER_EXIT, &request);
    golden_check_reach("reach-live.txt", "text", CTT_TRIGGER_SIGNAL, &plain);
}

/* What a program declares: in a page, as a tree, and task by task. */
static void test_declared(void **state)
{
    struct report_request contexts = {.contexts = true, .kind = "lease"};
    struct report_request all = {.contexts = true, .all = true, .kind = "fd"};
    struct report_request tasks = {.tasks = true, .kind = "none"};
    struct report_request trace = {
        .trace = "req-12345", .contexts = true, .tasks = true, .path = "x.ctt"};

    golden_check_declared("declared.txt", "text", CTT_TRIGGER_SIGNAL, &plain);
    golden_check_declared("contexts.txt", "text", CTT_TRIGGER_EXIT, &contexts);
    golden_check_declared("contexts-all.txt", "text", CTT_TRIGGER_EXIT, &all);
    golden_check_declared("tasks.txt", "text", CTT_TRIGGER_EXIT, &tasks);
    golden_check_declared("trace.txt", "text", CTT_TRIGGER_SIGNAL, &trace);
}

/* What is said of how memory was judged: nothing where all is well and nobody asks. */
static void test_reach_states(void **state)
{
    static const struct {
        uint32_t state;
        const char *note;
        bool all;
        const char *expected; /* NULL: nothing */
    } rows[] = {
        {CTT_REACH_JUDGED, NULL, false, NULL},
        {CTT_REACH_JUDGED, NULL, true, "memory   judged by what reaches it: 12034 memory blocks, "},
        {CTT_REACH_NONE, "switched off", false,
         "memory   not judged by what reaches it: switched off\n"},
        {CTT_REACH_DOUBTFUL, "a thread ran on", false,
         "         not all could be looked at: a thread ran on: what is lost is but noted\n"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct report_request request = {.all = rows[i].all};
        char *text = golden_render_state(rows[i].state, rows[i].note, &request);

        if (rows[i].expected ? !strstr(text, rows[i].expected) : !!strstr(text, "memory   "))
            fail_msg("state %u: %s", rows[i].state, text);
        free(text);
    }
}

/* What a library keeps since it was called in a context that has ended is one line. */
static void test_notes(void **state)
{
    static const struct {
        const char *golden;
        struct report_request request;
    } rows[] = {{"notes.txt", {0}}, {"notes-all.txt", {.all = true}}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct dump_builder *b = builder_new();

        builder_process(b, CTT_TRIGGER_EXIT, 0);
        builder_context(b, 2, 1, CTT_CONTEXT_CTX, CTT_STATE_OK, BUILT_NOW - 2 * SEC, "request");
        builder_blocks(b, "malloc sys_helper main", 0, 2, 5, 0);
        builder_blocks(b, "malloc sys_helper sys_helper main", 0, 2, 3, 0);
        builder_blocks(b, "malloc sys_helper load_conf main", 0, 2, 1, 0);
        golden_check_built(rows[i].golden, b, &rows[i].request);
    }
}

/* Beside the threads of a running program. */
static void test_live_jobs(void **state)
{
    static const struct {
        uint32_t jobs, threads;
        bool all;
        const char *expected;
    } rows[] = {
        {1, 1, false, "job \"work\"  on task 101 (tid 1101)\n"},
        {3, 3, false, "3 jobs \"work\"  on tasks 101, 102, 103\n"},
        {20, 9, false, "9 jobs \"work\"  on tasks 101, 102, 103, 104, 105, 106, 107, 108, ...\n"},
        {20, 9, false, "11 jobs \"work\"  on no thread now\n"},
        {20, 9, true, "job \"work\"  on task 109 (tid 1109)\n"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct report_request request = {.all = rows[i].all};
        struct dump_builder *b = builder_new();
        struct model *model = NULL;
        char *got = NULL;
        size_t size;

        builder_process(b, CTT_TRIGGER_SIGNAL, 0);
        uint32_t made = builder_stack(b, "pthread_create main");
        for (uint32_t n = 1; n <= rows[i].jobs; n++) {
            uint32_t thread = n <= rows[i].threads ? 100 + n : 0;
            struct ctt_task task = {.id = thread, .tid = 1000 + thread, .creator = 1};
            struct ctt_task job = {.id = CTT_TASK_DECLARED_ID | n,
                                   .flags = CTT_TASK_DECLARED,
                                   .creator = 1,
                                   .thread = thread,
                                   .name = builder_string(b, "work"),
                                   .created_stack = made};

            if (thread)
                builder_record(b, CTT_TASK, &task, sizeof(task));
            builder_record(b, CTT_TASK, &job, sizeof(job));
        }
        builder_finish(b);
        assert_int_equal(model_load(&model, b->bytes, b->size), 0);
        model_symbolize(model, NULL);
        struct text text = {.report = report_new(model, &request),
                            .pool = pool_new(),
                            .out = open_memstream(&got, &size)};
        text_write_live_jobs(&text);
        fclose(text.out);
        if (!strstr(got, rows[i].expected))
            fail_msg("%u jobs, %u threads: %s", rows[i].jobs, rows[i].threads, got);
        free(got);
        pool_free(text.pool);
        report_free((struct report *)text.report);
        model_free(model);
        builder_free(b);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_live),      cmocka_unit_test(test_exit),
        cmocka_unit_test(test_fatal),     cmocka_unit_test(test_kind),
        cmocka_unit_test(test_color),     cmocka_unit_test(test_sampled),
        cmocka_unit_test(test_reach),     cmocka_unit_test(test_reach_states),
        cmocka_unit_test(test_declared),  cmocka_unit_test(test_notes),
        cmocka_unit_test(test_live_jobs),
    };

    golden_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
