/* SPDX-License-Identifier: MIT */
/*
 * The table "what is a finding, what a note, what is only listed", one row
 * per cell. Each row is a dump with one sort of holding; `expected` is
 * "detector severity grade count", or "" for silence.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "findings.h"
#include "report/detectors/detector.h"
#include "report/report.h"

enum { OWNER = 2 };

struct row {
    const char *what;
    uint32_t trigger; /* 0: both a live snapshot and exit */
    int exit_code;
    const char *exit_rule;
    uint32_t kind, flags;
    unsigned copies;
    uint32_t context_kind, state;
    uint64_t ended_before_ns; /* the snapshot */
    uint32_t context_flags;
    const char *stack; /* NULL: open64 called by the program */
    const char *expected;
};

#define LIVE    CTT_TRIGGER_SIGNAL
#define AT_EXIT CTT_TRIGGER_EXIT
#define FATAL   CTT_TRIGGER_FATAL
#define CTX     CTT_CONTEXT_CTX
#define SCOPE   CTT_CONTEXT_SCOPE
#define THREAD  CTT_CONTEXT_THREAD
#define PROCESS CTT_CONTEXT_PROCESS
#define OK      CTT_STATE_OK
#define FD      CTT_KIND_FD

static const struct row rows[] = {
    /* any kind, declared context, ended */
    {"ctx cancelled, live", LIVE, .kind = FD, .context_kind = CTX, .state = CTT_STATE_CANCELLED,
     .ended_before_ns = 2 * SEC, .expected = "held-after-cancel error proved 1"},
    {"ctx deadline, live", LIVE, .kind = FD, .context_kind = CTX, .state = CTT_STATE_DEADLINE,
     .ended_before_ns = 2 * SEC, .expected = "held-after-cancel error proved 1"},
    {"ctx ok, live, grouped", LIVE, .kind = FD, .copies = 37, .context_kind = CTX, .state = OK,
     .ended_before_ns = 2 * SEC, .expected = "held-after-cancel error proved 37"},
    {"scope ok, live", LIVE, .kind = CTT_KIND_SOCKET, .context_kind = SCOPE, .state = OK,
     .ended_before_ns = 2 * SEC, .expected = "held-after-cancel error proved 1"},
    {"ctx memory, live", LIVE, .kind = CTT_KIND_MEMORY, .context_kind = CTX, .state = OK,
     .ended_before_ns = 2 * SEC, .expected = "held-after-cancel error proved 1"},
    {"ctx thread alive, live", LIVE, .kind = CTT_KIND_THREAD, .context_kind = CTX, .state = OK,
     .ended_before_ns = 2 * SEC, .expected = "held-after-cancel error proved 1"},
    {"ctx ended in error", 0, .kind = FD, .context_kind = CTX, .state = CTT_STATE_ERROR,
     .ended_before_ns = 2 * SEC, .expected = "held-after-cancel note proved 1"},
    {"ctx within grace, live", LIVE, .kind = FD, .context_kind = CTX, .state = OK,
     .ended_before_ns = 900 * MS, .expected = ""},
    {"ctx within grace, exit", AT_EXIT, .kind = FD, .context_kind = CTX, .state = OK,
     .ended_before_ns = 900 * MS, .expected = "held-after-cancel error proved 1"},
    {"ctx ended, exit 1", AT_EXIT, 1, .kind = FD, .context_kind = CTX, .state = OK,
     .ended_before_ns = 2 * SEC, .expected = "held-after-cancel error proved 1"},
    /* any kind, declared context, not ended */
    {"ctx active, live", LIVE, .kind = FD, .context_kind = CTX, .expected = ""},
    {"ctx active, exit", AT_EXIT, .kind = FD, .context_kind = CTX,
     .expected = "context-never-ended note proved 1"},
    {"ctx active memory, exit", AT_EXIT, .kind = CTT_KIND_MEMORY, .context_kind = CTX,
     .expected = "context-never-ended note proved 1"},
    /* descriptors of an ended thread */
    {"thread fd", 0, .kind = FD, .context_kind = THREAD, .state = OK, .ended_before_ns = 2 * SEC,
     .expected = "held-after-cancel warning evidence 1"},
    {"thread socket", 0, .kind = CTT_KIND_SOCKET, .context_kind = THREAD, .state = OK,
     .ended_before_ns = 2 * SEC, .expected = "held-after-cancel warning evidence 1"},
    {"thread stream", 0, .kind = CTT_KIND_STREAM, .context_kind = THREAD, .state = OK,
     .ended_before_ns = 2 * SEC, .expected = "held-after-cancel warning evidence 1"},
    {"thread dir", 0, .kind = CTT_KIND_DIR, .context_kind = THREAD, .state = OK,
     .ended_before_ns = 2 * SEC, .expected = "held-after-cancel warning evidence 1"},
    {"thread pipe", 0, .kind = CTT_KIND_PIPE, .context_kind = THREAD, .state = OK,
     .ended_before_ns = 2 * SEC, .expected = "held-after-cancel warning evidence 1"},
    {"thread event", 0, .kind = CTT_KIND_EVENT, .context_kind = THREAD, .state = OK,
     .ended_before_ns = 2 * SEC, .expected = "held-after-cancel warning evidence 1"},
    {"thread cancelled", 0, .kind = FD, .context_kind = THREAD, .state = CTT_STATE_CANCELLED,
     .ended_before_ns = 2 * SEC, .expected = "held-after-cancel warning evidence 1"},
    {"thread fd used by another, live", LIVE, .kind = FD, .flags = CTT_HOLDING_USED_ELSEWHERE,
     .context_kind = THREAD, .state = OK, .ended_before_ns = 2 * SEC, .expected = ""},
    {"thread fd used by another, exit", AT_EXIT, .kind = FD, .flags = CTT_HOLDING_USED_ELSEWHERE,
     .context_kind = THREAD, .state = OK, .ended_before_ns = 2 * SEC,
     .expected = "held-at-exit note proved 1"},
    {"quitting thread, just before exit", AT_EXIT, .kind = FD, .context_kind = THREAD, .state = OK,
     .ended_before_ns = 900 * MS, .context_flags = CTT_CONTEXT_DETACHED | CTT_CONTEXT_QUIT,
     .expected = "held-at-exit note proved 1"},
    {"returned thread, just before exit", AT_EXIT, .kind = FD, .context_kind = THREAD, .state = OK,
     .ended_before_ns = 900 * MS, .context_flags = CTT_CONTEXT_DETACHED,
     .expected = "held-after-cancel warning evidence 1"},
    {"quitting thread, long before", 0, .kind = FD, .context_kind = THREAD, .state = OK,
     .ended_before_ns = 2 * SEC, .context_flags = CTT_CONTEXT_DETACHED | CTT_CONTEXT_QUIT,
     .expected = "held-after-cancel warning evidence 1"},
    {"joinable thread, just before exit", AT_EXIT, .kind = FD, .context_kind = THREAD, .state = OK,
     .ended_before_ns = 900 * MS, .expected = "held-after-cancel warning evidence 1"},
    {"thread alive, live", LIVE, .kind = FD, .context_kind = THREAD, .expected = ""},
    {"thread alive, exit", AT_EXIT, .kind = FD, .context_kind = THREAD,
     .expected = "held-at-exit note proved 1"},
    /* descriptors of the process */
    {"process fd, live", LIVE, .kind = FD, .copies = 99, .context_kind = PROCESS, .expected = ""},
    {"process fd, exit", AT_EXIT, .kind = FD, .context_kind = PROCESS,
     .expected = "held-at-exit note proved 1"},
    {"process socket, exit", AT_EXIT, .kind = CTT_KIND_SOCKET, .context_kind = PROCESS,
     .expected = "held-at-exit note proved 1"},
    {"process stream, exit", AT_EXIT, .kind = CTT_KIND_STREAM, .context_kind = PROCESS,
     .expected = "held-at-exit note proved 1"},
    {"process dir, exit", AT_EXIT, .kind = CTT_KIND_DIR, .context_kind = PROCESS,
     .expected = "held-at-exit note proved 1"},
    {"15 of one stack, exit", AT_EXIT, .kind = FD, .copies = 15, .context_kind = PROCESS,
     .expected = "held-at-exit note proved 15"},
    {"16 of one stack, exit", AT_EXIT, .kind = FD, .copies = 16, .context_kind = PROCESS,
     .expected = "pile-up warning proved 16"},
    {"16 of a system library's, exit", AT_EXIT, .kind = FD, .copies = 16, .context_kind = PROCESS,
     .stack = "open64 sys_helper main", .expected = "pile-up note proved 16"},
    {"16 of one stack, exit 1", AT_EXIT, 1, .kind = FD, .copies = 16, .context_kind = PROCESS,
     .expected = "pile-up note proved 16"},
    {"16 of one stack, killed", FATAL, .kind = FD, .copies = 16, .context_kind = PROCESS,
     .expected = "pile-up note proved 16"},
    {"16 inherited, exit", AT_EXIT, .kind = FD, .flags = CTT_HOLDING_INHERITED, .copies = 16,
     .context_kind = PROCESS, .expected = ""},
    {"stream known to libc only, exit", AT_EXIT, .kind = CTT_KIND_STREAM,
     .flags = CTT_HOLDING_LIBC_ONLY, .context_kind = PROCESS,
     .expected = "held-at-exit warning proved 1"},
    {"exit=all", AT_EXIT, 0, "all", FD, .context_kind = PROCESS,
     .expected = "held-at-exit warning proved 1"},
    {"exit=all, exit 1", AT_EXIT, 1, "all", FD, .context_kind = PROCESS,
     .expected = "held-at-exit warning proved 1"},
    {"exit=declared", AT_EXIT, 0, "declared", FD, .copies = 20, .context_kind = PROCESS,
     .expected = ""},
    {"exit=declared keeps ctx", AT_EXIT, 0, "declared", FD, .context_kind = CTX, .state = OK,
     .ended_before_ns = 2 * SEC, .expected = "held-after-cancel error proved 1"},
    /* memory */
    {"thread memory", 0, .kind = CTT_KIND_MEMORY, .context_kind = THREAD, .state = OK,
     .ended_before_ns = 2 * SEC, .expected = ""},
    {"process memory", 0, .kind = CTT_KIND_MEMORY, .copies = 99, .context_kind = PROCESS,
     .expected = ""},
    {"process memory, exit=all", AT_EXIT, 0, "all", CTT_KIND_MEMORY, .context_kind = PROCESS,
     .expected = ""},
    /* threads and children */
    {"thread alive of process", 0, .kind = CTT_KIND_THREAD, .context_kind = PROCESS,
     .expected = ""},
    {"thread ended, live", LIVE, .kind = CTT_KIND_THREAD, .flags = CTT_HOLDING_ENDED,
     .context_kind = PROCESS, .expected = "unjoined-thread note evidence 1"},
    {"thread ended", AT_EXIT, .kind = CTT_KIND_THREAD, .flags = CTT_HOLDING_ENDED,
     .context_kind = PROCESS, .expected = "unjoined-thread warning proved 1"},
    {"thread ended, exit 1", AT_EXIT, 1, .kind = CTT_KIND_THREAD, .flags = CTT_HOLDING_ENDED,
     .context_kind = PROCESS, .expected = "unjoined-thread note proved 1"},
    {"thread ended, of ended ctx", AT_EXIT, .kind = CTT_KIND_THREAD, .flags = CTT_HOLDING_ENDED,
     .context_kind = CTX, .state = OK, .ended_before_ns = 2 * SEC,
     .expected = "unjoined-thread warning proved 1"},
    {"thread ended, detached", 0, .kind = CTT_KIND_THREAD,
     .flags = CTT_HOLDING_ENDED | CTT_HOLDING_DETACHED, .context_kind = PROCESS, .expected = ""},
    {"three zombies", 0, .kind = CTT_KIND_PROCESS, .flags = CTT_HOLDING_ENDED, .copies = 3,
     .context_kind = PROCESS, .expected = ""},
    {"four zombies, live", LIVE, .kind = CTT_KIND_PROCESS, .flags = CTT_HOLDING_ENDED, .copies = 4,
     .context_kind = PROCESS, .expected = "unreaped-child note evidence 4"},
    {"four zombies", AT_EXIT, .kind = CTT_KIND_PROCESS, .flags = CTT_HOLDING_ENDED, .copies = 4,
     .context_kind = PROCESS, .expected = "unreaped-child warning proved 4"},
    {"four zombies, SIGCHLD ignored", 0, .kind = CTT_KIND_PROCESS,
     .flags = CTT_HOLDING_ENDED | CTT_HOLDING_REAPLESS, .copies = 4, .context_kind = PROCESS,
     .expected = ""},
    {"four children alive", 0, .kind = CTT_KIND_PROCESS, .copies = 4, .context_kind = PROCESS,
     .expected = ""},
    /* never */
    {"loader's mapping", 0, .kind = CTT_KIND_MAPPING, .context_kind = CTX, .state = OK,
     .ended_before_ns = 2 * SEC, .stack = "mmap __libc_start_main", .expected = ""},
    {"program's mapping", 0, .kind = CTT_KIND_MAPPING, .context_kind = CTX, .state = OK,
     .ended_before_ns = 2 * SEC, .stack = "mmap main",
     .expected = "held-after-cancel error proved 1"},
    {"library, of ended ctx", 0, .kind = CTT_KIND_MODULE, .context_kind = CTX, .state = OK,
     .ended_before_ns = 2 * SEC, .expected = ""},
    {"library, of a ctx never ended", AT_EXIT, .kind = CTT_KIND_MODULE, .context_kind = CTX,
     .expected = ""},
    {"many libraries of one place", AT_EXIT, .kind = CTT_KIND_MODULE, .copies = 40,
     .context_kind = PROCESS, .expected = ""},
    {"opened once for all", 0, .kind = FD, .context_kind = CTX, .state = OK,
     .ended_before_ns = 2 * SEC, .stack = "open64 load_conf __pthread_once_slow main",
     .expected = ""},
    {"a library's key", 0, .kind = CTT_KIND_KEY, .context_kind = CTX, .state = OK,
     .ended_before_ns = 2 * SEC, .stack = "pthread_key_create sys_helper main", .expected = ""},
    {"the program's key", 0, .kind = CTT_KIND_KEY, .context_kind = CTX, .state = OK,
     .ended_before_ns = 2 * SEC, .stack = "pthread_key_create load_conf main",
     .expected = "held-after-cancel error proved 1"},
    {"the program's key, once for all", 0, .kind = CTT_KIND_KEY, .context_kind = CTX, .state = OK,
     .ended_before_ns = 2 * SEC, .stack = "pthread_key_create load_conf __pthread_once_slow main",
     .expected = ""},
    {"inherited", 0, .kind = FD, .flags = CTT_HOLDING_INHERITED, .context_kind = THREAD,
     .state = OK, .ended_before_ns = 2 * SEC, .expected = ""},
    {"untracked", 0, .kind = FD, .flags = CTT_HOLDING_UNTRACKED, .context_kind = PROCESS,
     .expected = ""},
    {"stdio", 0, .kind = FD, .flags = CTT_HOLDING_STDIO, .context_kind = PROCESS, .expected = ""},
    {"ignored", 0, .kind = FD, .flags = CTT_HOLDING_IGNORED, .context_kind = CTX, .state = OK,
     .ended_before_ns = 2 * SEC, .expected = ""},
    {"gone", 0, .kind = FD, .flags = CTT_HOLDING_GONE, .context_kind = CTX, .state = OK,
     .ended_before_ns = 2 * SEC, .expected = ""},
    {"owned by its stream", 0, .kind = FD, .flags = CTT_HOLDING_OWNED, .context_kind = CTX,
     .state = OK, .ended_before_ns = 2 * SEC, .expected = ""},
};

static void holdings_add(struct dump_builder *b, const struct row *row)
{
    struct ctt_holding holding = {
        .kind = row->kind,
        .flags = row->flags,
        .context = row->context_kind == PROCESS ? 1 : OWNER,
        .stack = builder_stack(b, row->stack ? row->stack : "open64 load_conf main"),
        .acquired_ns = 1 * SEC,
        .last_used_ns = CTT_NEVER,
    };
    unsigned copies = row->copies ? row->copies : 1;

    for (unsigned i = 0; i < copies; i++) {
        holding.handle = 3 + i;
        builder_record(b, CTT_HOLDING, &holding, sizeof(holding));
    }
}

static struct dump_builder *row_build(const struct row *row, uint32_t trigger)
{
    struct dump_builder *b = builder_new();

    builder_process(b, trigger, row->exit_code);
    if (row->exit_rule)
        builder_option(b, "exit", row->exit_rule);
    b->context_flags = row->context_flags;
    if (row->context_kind != PROCESS)
        builder_context(
            b, OWNER, 1, row->context_kind, row->state,
            row->state == CTT_STATE_ACTIVE ? CTT_NEVER : BUILT_NOW - row->ended_before_ns, "job");
    holdings_add(b, row);
    builder_finish(b);
    return b;
}

static void test_table(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];

        if (row->trigger) {
            findings_check(row_build(row, row->trigger), false, row->what, row->expected);
            continue;
        }
        findings_check(row_build(row, LIVE), false, row->what, row->expected);
        findings_check(row_build(row, AT_EXIT), false, row->what, row->expected);
    }
}

static void test_mishaps(void **state)
{
    static const struct {
        uint32_t id;
        const char *expected;
        const char *stack;
        uint32_t tasks;
        uint32_t error;
    } mishaps[] = {
        {CTT_MISHAP_DOUBLE_CLOSE, "double-close error proved 2", "close close_conf main", 1, 0},
        {CTT_MISHAP_DOUBLE_CLOSE, "double-close note proved 2", "close sys_helper main", 1, 0},
        {CTT_MISHAP_DOUBLE_CLOSE, "double-close error proved 2", "close sys_helper main", 2, 0},
        {CTT_MISHAP_DOUBLE_FREE, "double-free error proved 2", "close close_conf main", 1, 0},
        {CTT_MISHAP_LIMIT, "limit-hit note proved 2", "open64 load_conf main", 1, 0},
        {CTT_MISHAP_CLOSED_BEHIND_OWNER, "closed-behind-owner warning proved 2", "close main", 1,
         0},
        {CTT_MISHAP_FAILED_CLOSE, "failed-write note proved 2", "close main", 1, ENOSPC},
        {CTT_MISHAP_UNLOCKED_FREE, "lock-misuse warning proved 2", "unlock close_conf main", 1, 0},
        {CTT_MISHAP_FREED_LOCKED, "lock-misuse note proved 2", "unlock sys_helper", 2, 0},
        {77, "", "close main", 1, 0},
        {CTT_MISHAP_DOUBLE_FREE, "double-free error evidence 2", "close close_conf main", 1, 0},
        {CTT_MISHAP_IGNORED_COUNT, "ignored-result warning evidence 2", "open64 close_conf main", 1,
         0},
        {CTT_MISHAP_IGNORED_FD, "ignored-result note evidence 2", "open64 close_conf main", 1, 0},
        {CTT_MISHAP_IGNORED_COUNT, "ignored-result note evidence 2", "open64 sys_helper main", 1,
         0},
        {CTT_MISHAP_IGNORED_POINTER, "ignored-result warning evidence 2", "sys_helper close_conf",
         1, 0},
        {CTT_MISHAP_IGNORED_THREAD, "ignored-result warning evidence 2", "open64 close_conf main",
         1, 0},
        {CTT_MISHAP_FAILED_WRITE, "failed-write note proved 2", "open64 close_conf main", 1, 0},
        {CTT_MISHAP_FAILED_CLOSE, "", "close main", 1, EINTR},
    };

    for (size_t i = 0; i < sizeof(mishaps) / sizeof(mishaps[0]); i++) {
        struct dump_builder *b = builder_new();
        struct ctt_mishap mishap = {.id = mishaps[i].id, .kind = FD, .count = 2, .context = 1};
        mishap.tasks = mishaps[i].tasks;
        mishap.error = mishaps[i].error;

        builder_process(b, i % 2 ? FATAL : LIVE, 0);
        mishap.stack = builder_stack(b, mishaps[i].stack);
        builder_record(b, CTT_MISHAP, &mishap, sizeof(mishap));
        builder_finish(b);
        findings_check(b, false, "mishap", mishaps[i].expected);
    }
}

/* What others hold, or no process could have, is not the program's leak. */
static void test_limits(void **state)
{
    static const struct {
        uint32_t error;
        uint64_t live, wanted;
        const char *expected;
    } limits[] = {
        {EMFILE, 33, 0, "limit-hit warning proved 1"},
        {ENFILE, 0, 0, "limit-hit note proved 1"},
        {EAGAIN, 2, 0, "limit-hit warning proved 1"},
        {EAGAIN, 0, 0, "limit-hit note proved 1"},
        {ENOMEM, 0, 4096, "limit-hit warning proved 1"},
        {ENOMEM, 0, 4097, "limit-hit note proved 1"},
    };

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct dump_builder *b = builder_new();
        struct ctt_holder holder = {.error = ENOMEM, .kind = CTT_KIND_MEMORY, .count = 3};
        struct ctt_mishap mishap = {.id = CTT_MISHAP_LIMIT, .kind = FD, .count = 1, .context = 1};

        holder.bytes = 4096;
        mishap.error = limits[i].error;
        mishap.live = limits[i].live;
        mishap.wanted = limits[i].wanted;
        builder_process(b, AT_EXIT, 0);
        mishap.stack = builder_stack(b, "open64 load_conf main");
        builder_record(b, CTT_MISHAP, &mishap, sizeof(mishap));
        builder_record(b, CTT_HOLDER, &holder, sizeof(holder));
        builder_finish(b);
        findings_check(b, false, "limit", limits[i].expected);
    }
}

/* Same stack, other context name: two things to mend. Same name: one. */
static void test_grouping(void **state)
{
    static const char *const names[] = {"req:/a", "req:/b", "req:/a"};
    struct dump_builder *b = builder_new();
    struct ctt_holding holding = {.kind = FD, .acquired_ns = SEC, .last_used_ns = CTT_NEVER};

    builder_process(b, LIVE, 0);
    holding.stack = builder_stack(b, "open64 load_conf main");
    for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        builder_context(b, OWNER + i, 1, CTX, OK, 2 * SEC, names[i]);
        holding.context = OWNER + i;
        builder_record(b, CTT_HOLDING, &holding, sizeof(holding));
    }
    builder_finish(b);
    findings_check(b, false, "grouping",
                   "held-after-cancel error proved 2; held-after-cancel error proved 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_mishaps),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_grouping),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
