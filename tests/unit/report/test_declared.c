/* SPDX-License-Identifier: MIT */
/*
 * What is said of what a program declares with libctx: contexts, tasks, cleanups, misuse. A
 * row is a dump with one thing in it; `expected` is "detector severity grade count".
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

enum { CONTEXT = 2, LABEL = 3, THREAD = 7 };
#define JOB (CTT_TASK_DECLARED_ID | 9)

#define LIVE    CTT_TRIGGER_SIGNAL
#define AT_EXIT CTT_TRIGGER_EXIT
#define OURS    "open64 load_conf main"
#define SYSTEM  "open64 sys_helper"

static uint64_t check(struct dump_builder *b, const char *what, const char *expected)
{
    builder_finish(b);
    return findings_check(b, false, what, expected);
}

/* A context of the program's; ended_before_ns 0: active. */
static struct dump_builder *begin(uint32_t trigger, uint32_t state, uint64_t ended_before_ns)
{
    struct dump_builder *b = builder_new();

    builder_process(b, trigger, 0);
    builder_context(b, CONTEXT, 1, CTT_CONTEXT_CTX, state,
                    ended_before_ns ? BUILT_NOW - ended_before_ns : CTT_NEVER, "job");
    return b;
}

static void task_add(struct dump_builder *b, struct ctt_task task, const char *stack)
{
    task.created_ns = SEC;
    task.ended_ns = task.flags & CTT_TASK_ENDED ? 2 * SEC : CTT_NEVER;
    task.wait_ns = CTT_NEVER;
    task.created_stack = builder_stack(b, stack);
    builder_record(b, CTT_TASK, &task, sizeof(task));
}

static void holding_add(struct dump_builder *b, uint32_t kind, uint32_t context, uint32_t flags,
                        const char *stack)
{
    struct ctt_holding holding = {.kind = kind,
                                  .flags = flags,
                                  .handle = 0x1000,
                                  .context = context,
                                  .task = THREAD,
                                  .stack = builder_stack(b, stack),
                                  .acquired_ns = SEC,
                                  .last_used_ns = CTT_NEVER};

    builder_record(b, CTT_HOLDING, &holding, sizeof(holding));
}

/* D5, D6 */
static void test_tasks(void **state)
{
    static const struct {
        const char *what;
        uint32_t trigger, state;
        uint64_t ended_before_ns;
        uint32_t task_flags, creator;
        uint32_t creator_flags; /* of the thread that began it */
        const char *stack, *expected;
    } rows[] = {
        {"its context has ended", LIVE, CTT_STATE_CANCELLED, 2 * SEC, CTT_TASK_DECLARED, THREAD, 0,
         OURS, "task-outlives-context warning proved 1"},
        {"within the grace", LIVE, CTT_STATE_CANCELLED, 900 * MS, CTT_TASK_DECLARED, THREAD, 0,
         OURS, ""},
        {"at exit there is none", AT_EXIT, CTT_STATE_OK, 900 * MS, CTT_TASK_DECLARED, THREAD, 0,
         OURS, "task-outlives-context warning proved 1"},
        {"after an error end, too", LIVE, CTT_STATE_ERROR, 2 * SEC, CTT_TASK_DECLARED, THREAD, 0,
         OURS, "task-outlives-context warning proved 1"},
        {"its context is active", LIVE, CTT_STATE_ACTIVE, 0, CTT_TASK_DECLARED, THREAD, 0, OURS,
         ""},
        {"its maker has ended", LIVE, CTT_STATE_ACTIVE, 0, CTT_TASK_DECLARED, THREAD,
         CTT_TASK_ENDED | CTT_TASK_DETACHED, OURS, "outlives-parent note evidence 1"},
        {"its maker, a task, has ended", LIVE, CTT_STATE_ACTIVE, 0, CTT_TASK_DECLARED, JOB + 1, 0,
         OURS, "outlives-parent note evidence 1"},
        {"a system module's", LIVE, CTT_STATE_ACTIVE, 0, CTT_TASK_DECLARED, JOB + 1, 0, SYSTEM, ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct dump_builder *b = begin(rows[i].trigger, rows[i].state, rows[i].ended_before_ns);

        task_add(b, (struct ctt_task){.id = THREAD, .tid = 77, .flags = rows[i].creator_flags},
                 "start main");
        task_add(b,
                 (struct ctt_task){.id = JOB,
                                   .context = CONTEXT,
                                   .flags = rows[i].task_flags,
                                   .creator = rows[i].creator},
                 rows[i].stack);
        check(b, rows[i].what, rows[i].expected);
    }
}

/* D5 of a thread that has such a context active. */
static void test_threads(void **state)
{
    static const struct {
        const char *what;
        uint32_t trigger, flags;
        uint64_t ended_before_ns;
        const char *expected;
    } rows[] = {
        {"attached", LIVE, 0, 2 * SEC, "task-outlives-context warning evidence 1"},
        {"attached, at exit", AT_EXIT, 0, 2 * SEC, "task-outlives-context warning evidence 1"},
        {"about to leave at exit", AT_EXIT, 0, 900 * MS, ""},
        {"the one that ends the process", AT_EXIT, CTT_TASK_SELF, 2 * SEC, ""},
        {"main at exit", AT_EXIT, CTT_TASK_MAIN, 2 * SEC, ""},
        {"main", LIVE, CTT_TASK_MAIN, 2 * SEC, "task-outlives-context warning evidence 1"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct dump_builder *b =
            begin(rows[i].trigger, CTT_STATE_CANCELLED, rows[i].ended_before_ns);

        task_add(
            b,
            (struct ctt_task){.id = THREAD, .tid = 77, .flags = rows[i].flags, .active = CONTEXT},
            "start main");
        check(b, rows[i].what, rows[i].expected);
    }
}

/* D12, D13 */
static void test_cleanups(void **state)
{
    static const struct {
        const char *what;
        uint32_t trigger, state;
        uint64_t ended_before_ns;
        uint32_t task_flags, flags;
        const char *thread_state, *expected;
    } rows[] = {
        {"pending, active", LIVE, CTT_STATE_ACTIVE, 0, 0, 0, "S (sleeping)", ""},
        {"its function does not return", LIVE, CTT_STATE_DEADLINE, 2 * SEC, 0, 0, "S (sleeping)",
         "cleanup-pending warning proved 1"},
        {"it runs", LIVE, CTT_STATE_DEADLINE, 2 * SEC, 0, 0, "R (running)", ""},
        {"within the grace", LIVE, CTT_STATE_DEADLINE, 900 * MS, 0, 0, "S (sleeping)", ""},
        {"its thread has ended", LIVE, CTT_STATE_ACTIVE, 0, CTT_TASK_ENDED | CTT_TASK_DETACHED, 0,
         "ended", "cleanup-skipped warning proved 1"},
        {"main returned first", AT_EXIT, CTT_STATE_ACTIVE, 0, 0, 0, "S (sleeping)",
         "cleanup-skipped warning proved 1"},
        {"killed", CTT_TRIGGER_FATAL, CTT_STATE_ACTIVE, 0, 0, 0, "S (sleeping)",
         "cleanup-skipped warning proved 1"},
        {"exec", CTT_TRIGGER_EXEC, CTT_STATE_ACTIVE, 0, 0, 0, "R (running)", ""},
        {"blocked long after its end, at exit", AT_EXIT, CTT_STATE_DEADLINE, 2 * SEC, 0, 0,
         "S (sleeping)", "cleanup-pending warning proved 1"},
        {"a fork's child", AT_EXIT, CTT_STATE_ACTIVE, 0, 0, CTT_HOLDING_INHERITED, "R (running)",
         ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct dump_builder *b = begin(rows[i].trigger, rows[i].state, rows[i].ended_before_ns);
        struct ctt_task task = {.id = THREAD, .tid = 77, .flags = rows[i].task_flags};

        task.state = builder_string(b, rows[i].thread_state);
        task_add(b, task, "start main");
        holding_add(b, CTT_KIND_CLEANUP, CONTEXT, rows[i].flags, "close_conf load_conf main");
        check(b, rows[i].what, rows[i].expected);
    }
}

/* D4 */
static void test_lost(void **state)
{
    static const struct {
        const char *what;
        uint32_t trigger, flags, state;
        const char *stack;
        bool holds;
        const char *expected;
    } rows[] = {
        {"nothing refers to it", AT_EXIT, CTT_CONTEXT_LOST | CTT_CONTEXT_TO_END, CTT_STATE_ACTIVE,
         OURS, false, "lost-cancel warning evidence 1"},
        {"main's own, at exit", AT_EXIT, CTT_CONTEXT_LOST | CTT_CONTEXT_TO_END, CTT_STATE_ACTIVE,
         "open64 main", false, ""},
        {"main's own", LIVE, CTT_CONTEXT_LOST | CTT_CONTEXT_TO_END, CTT_STATE_ACTIVE, "open64 main",
         false, "lost-cancel warning evidence 1"},
        {"a system module's", LIVE, CTT_CONTEXT_LOST | CTT_CONTEXT_TO_END, CTT_STATE_ACTIVE, SYSTEM,
         false, "lost-cancel note evidence 1"},
        {"it has ended, and is not released", LIVE, CTT_CONTEXT_LOST | CTT_CONTEXT_TO_END,
         CTT_STATE_OK, OURS, false, "context-leak warning evidence 1"},
        {"a name that is not released", LIVE, CTT_CONTEXT_LOST, CTT_STATE_ACTIVE, OURS, false,
         "context-leak warning evidence 1"},
        {"something refers to it", AT_EXIT, CTT_CONTEXT_TO_END, CTT_STATE_ACTIVE, OURS, false, ""},
        {"dropped, and holds something", LIVE, CTT_CONTEXT_TO_END, CTT_STATE_ABANDONED, OURS, true,
         "lost-cancel warning proved 1"},
        {"a name that was dropped", LIVE, 0, CTT_STATE_ABANDONED, OURS, true, ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct dump_builder *b = builder_new();
        struct ctt_context context = {.id = CONTEXT,
                                      .parent = 1,
                                      .kind = CTT_CONTEXT_CTX,
                                      .state = rows[i].state,
                                      .flags = rows[i].flags,
                                      .created_ns = SEC,
                                      .ended_ns = rows[i].state ? 2 * SEC : CTT_NEVER};

        builder_process(b, rows[i].trigger, 0);
        context.created_stack = builder_stack(b, rows[i].stack);
        builder_record(b, CTT_CONTEXT, &context, sizeof(context));
        if (rows[i].holds)
            holding_add(b, CTT_KIND_FD, CONTEXT, 0, "open64 load_conf main");
        check(b, rows[i].what, rows[i].expected);
    }
}

/* A name that was released ends with what is around it. */
static void test_label(void **state)
{
    struct dump_builder *b = begin(LIVE, CTT_STATE_CANCELLED, 2 * SEC);

    builder_context(b, LABEL, CONTEXT, CTT_CONTEXT_CTX, CTT_STATE_ABANDONED, 2 * SEC, "label");
    holding_add(b, CTT_KIND_FD, LABEL, 0, "open64 load_conf main");
    check(b, "the context around it has ended", "held-after-cancel error proved 1");
}

/* A context of its own grace. */
static void test_grace(void **state)
{
    for (int is_long = 0; is_long < 2; is_long++) {
        struct dump_builder *b = builder_new();
        struct ctt_context context = {.id = CONTEXT,
                                      .parent = 1,
                                      .kind = CTT_CONTEXT_CTX,
                                      .state = CTT_STATE_CANCELLED,
                                      .ended_ns = BUILT_NOW - 5 * SEC,
                                      .grace_ns = is_long ? 10 * SEC : 4 * SEC};

        builder_process(b, LIVE, 0);
        builder_record(b, CTT_CONTEXT, &context, sizeof(context));
        holding_add(b, CTT_KIND_FD, CONTEXT, 0, "open64 load_conf main");
        check(b, "grace", is_long ? "" : "held-after-cancel error proved 1");
    }
}

/* A ring of contexts in a damaged dump: nobody walks for ever. */
static void test_ring(void **state)
{
    struct dump_builder *b = begin(LIVE, CTT_STATE_ABANDONED, 2 * SEC);

    builder_context(b, 4, 5, CTT_CONTEXT_CTX, CTT_STATE_ABANDONED, 2 * SEC, NULL);
    builder_context(b, 5, 6, CTT_CONTEXT_CTX, CTT_STATE_ABANDONED, 2 * SEC, NULL);
    builder_context(b, 6, 4, CTT_CONTEXT_CTX, CTT_STATE_ABANDONED, 2 * SEC, NULL);
    holding_add(b, CTT_KIND_FD, 6, 0, "open64 load_conf main");
    assert_int_equal(check(b, "ring", ""), 1); /* it is cut open once */
}

/* D8, D10, D15, and what else libctx tells. */
static void test_misuse(void **state)
{
    static const struct {
        uint32_t id;
        uint64_t live;
        const char *stack, *expected;
    } rows[] = {
        {CTT_MISHAP_LOST_CANCEL, 0, OURS, "lost-cancel note proved 3"},
        {CTT_MISHAP_CLEANUP_SKIPPED, 0, OURS, "cleanup-skipped warning proved 3"},
        {CTT_MISHAP_CLEANUP_SKIPPED, 0, SYSTEM, "cleanup-skipped note proved 3"},
        {CTT_MISHAP_WAITGROUP_NEGATIVE, 0, OURS, "waitgroup warning proved 3"},
        {CTT_MISHAP_WAITGROUP_REUSED, 1, OURS, "waitgroup warning proved 3"},
        {CTT_MISHAP_WAITGROUP_DESTROYED, 2, OURS, "waitgroup warning proved 3"},
        {CTT_MISHAP_WAITGROUP_UNDONE, 2, OURS, "waitgroup warning proved 3"},
        {CTT_MISHAP_POP_ORDER, 0, OURS, "context-misuse warning proved 3"},
        {CTT_MISHAP_POP_ELSEWHERE, 0, OURS, "context-misuse warning proved 3"},
        {CTT_MISHAP_LEFT_ATTACHED, 0, SYSTEM, "context-misuse note proved 3"},
        {CTT_MISHAP_CONTEXT_RELEASED, 0, OURS, "context-misuse warning proved 3"},
        {CTT_MISHAP_RECOVERED_NONE, 0, OURS, "context-misuse warning proved 3"},
        {CTT_MISHAP_RELEASE_ORDER, 0, OURS, "release-order warning proved 3"},
        {CTT_MISHAP_NOT_HELD, 0, OURS, "wrong-outcome warning proved 3"},
        {CTT_MISHAP_OUTCOME, 0, OURS, "wrong-outcome warning proved 3"},
        {CTT_MISHAP_OUTCOME, CTT_OUTCOME_ABANDONED, OURS, "wrong-outcome note proved 3"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct dump_builder *b = begin(i % 2 ? AT_EXIT : LIVE, CTT_STATE_ACTIVE, 0);
        struct ctt_mishap mishap = {
            .id = rows[i].id, .kind = CTT_KIND_CONTEXT, .count = 3, .context = 1};

        mishap.live = rows[i].live;
        mishap.stack = mishap.acquired_stack = builder_stack(b, rows[i].stack);
        builder_record(b, CTT_MISHAP, &mishap, sizeof(mishap));
        check(b, "misuse", rows[i].expected);
    }
}

/* D10: a wait, and who could still end it. */
static void test_waiter(void **state)
{
    for (int is_served = 0; is_served < 2; is_served++) {
        struct dump_builder *b = begin(LIVE, CTT_STATE_ACTIVE, 0);
        struct ctt_task waiter = {
            .id = THREAD, .tid = 77, .object = 0x500, .blocked_ns = BUILT_NOW - 3 * SEC};

        waiter.why = builder_string(b, "waitgroup");
        task_add(b, waiter, OURS);
        task_add(b,
                 (struct ctt_task){.id = JOB,
                                   .context = CONTEXT,
                                   .flags = CTT_TASK_DECLARED,
                                   .creator = THREAD,
                                   .serves = is_served ? 0x500 : 0x600},
                 OURS);
        check(b, "waiter", is_served ? "" : "waitgroup note heuristic 1");
    }
}

/* What was ended by its deadline ended then, though nobody looked before now. */
static void test_noticed_late(void **state)
{
    static const struct {
        const char *what;
        uint64_t deadline_before_ns, noticed_before_ns;
        uint32_t state;
        const char *expected;
    } rows[] = {
        {"long ago", 2 * SEC, 100 * MS, CTT_STATE_DEADLINE, "held-after-cancel error proved 1"},
        {"within the grace", 900 * MS, 100 * MS, CTT_STATE_DEADLINE, ""},
        {"before its deadline", 0, 2 * SEC, CTT_STATE_CANCELLED,
         "held-after-cancel error proved 1"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct dump_builder *b = builder_new();
        struct ctt_context context = {.id = CONTEXT,
                                      .parent = 1,
                                      .kind = CTT_CONTEXT_CTX,
                                      .state = rows[i].state,
                                      .created_ns = 300 * MS,
                                      .deadline_ns = BUILT_NOW - rows[i].deadline_before_ns,
                                      .ended_ns = BUILT_NOW - rows[i].noticed_before_ns};

        builder_process(b, LIVE, 0);
        builder_record(b, CTT_CONTEXT, &context, sizeof(context));
        holding_add(b, CTT_KIND_FD, CONTEXT, 0, OURS);
        check(b, rows[i].what, rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tasks),    cmocka_unit_test(test_threads),
        cmocka_unit_test(test_cleanups), cmocka_unit_test(test_lost),
        cmocka_unit_test(test_label),    cmocka_unit_test(test_grace),
        cmocka_unit_test(test_ring),     cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_waiter),   cmocka_unit_test(test_noticed_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
