/* SPDX-License-Identifier: MIT */
/*
 * One of everything that a program declares with libctx: a request whose cancel went down to
 * its children, traces, values and deadlines, texts that mean something in other languages,
 * jobs of all sorts, and hundreds of workers that are one. See builder_declared_scene() in
 * dump_builder.h.
 */
#include "dump_builder.h"

enum {
    SERVICE = 2,
    REQUEST,
    QUERY,
    INNER,
    LATER,
    REINDEX,
    HOSTILE,
    IDLE,
    WORKER,
    LOST,
    MEANT,
    ORPHAN,
    POOLED, /* the first of several */
};
enum { POOL_SIZE = 30, LEASE = CTT_KIND_OWN_FIRST, TRANSACTION };
enum { TASK_MAIN = 1, TASK_READER, TASK_BUSY, TASK_ENDED, TASK_POOLED };

#define DECLARED   CTT_TASK_DECLARED_ID
#define CANCELLED  (3600 * SEC)
#define W3C        "4bf92f3577b34da6a3ce929d0e0e4736"
#define OUTLANDISH "a\"b\\n\n];}--> <b>&amp; #35; %%{init}%% `x` style:1#2; \xc3\xa4 \xff"

/* ---- contexts ---- */

struct told {
    uint32_t id, parent, state, kind, flags, task;
    uint64_t created_ns, ended_ns, deadline_ns, grace_ns;
    const char *name, *cause, *trace_id, *span_id, *key, *value;
};

static const struct told told[] = {
    {.id = SERVICE, .parent = 1, .created_ns = SEC, .name = "svc", .task = TASK_MAIN},
    {.id = REQUEST,
     .parent = SERVICE,
     .state = CTT_STATE_CANCELLED,
     .created_ns = CANCELLED - 2 * SEC,
     .ended_ns = CANCELLED,
     .deadline_ns = CANCELLED + 3 * SEC,
     .name = "req:/v1/orders",
     .cause = "client went away",
     .trace_id = "req-12345",
     .span_id = "7",
     .key = "user",
     .value = "alice",
     .task = TASK_READER},
    {.id = QUERY,
     .parent = REQUEST,
     .state = CTT_STATE_CANCELLED,
     .created_ns = CANCELLED - SEC,
     .ended_ns = CANCELLED + MS,
     .cause = "client went away",
     .name = "query"},
    {.id = INNER,
     .parent = QUERY,
     .state = CTT_STATE_CANCELLED,
     .created_ns = CANCELLED - SEC / 2,
     .ended_ns = CANCELLED + 2 * MS,
     .cause = "client went away"},
    {.id = LATER,
     .parent = REQUEST,
     .state = CTT_STATE_CANCELLED,
     .created_ns = CANCELLED + 60 * SEC,
     .ended_ns = CANCELLED + 60 * SEC,
     .cause = "client went away",
     .name = "too late"},
    {.id = REINDEX,
     .parent = SERVICE,
     .created_ns = 600 * SEC,
     .deadline_ns = BUILT_NOW + 90 * SEC,
     .name = "job:reindex",
     .trace_id = W3C,
     .span_id = "00f067aa0ba902b7"},
    {.id = HOSTILE,
     .parent = SERVICE,
     .state = CTT_STATE_ERROR,
     .created_ns = 601 * SEC,
     .ended_ns = 602 * SEC,
     .name = OUTLANDISH,
     .cause = "\"quoted\"\tcause",
     .trace_id = "\x1b[31m\"] x",
     .key = "k\"ey",
     .value = OUTLANDISH},
    {.id = IDLE, .parent = 1, .kind = CTT_CONTEXT_THREAD, .created_ns = 10 * SEC},
    {.id = WORKER,
     .parent = 1,
     .kind = CTT_CONTEXT_THREAD,
     .state = CTT_STATE_OK,
     .created_ns = 11 * SEC,
     .ended_ns = 5000 * SEC},
    {.id = LOST,
     .parent = REINDEX,
     .flags = CTT_CONTEXT_LOST | CTT_CONTEXT_TO_END,
     .created_ns = 610 * SEC,
     .grace_ns = 5 * SEC,
     .name = "poll:inventory"},
    {.id = MEANT,
     .parent = 1,
     .kind = CTT_CONTEXT_SCOPE,
     .flags = CTT_CONTEXT_IGNORED,
     .state = CTT_STATE_OK,
     .created_ns = 12 * SEC,
     .ended_ns = 13 * SEC,
     .name = "kept for the next run"},
    {.id = ORPHAN,
     .parent = 999,
     .state = CTT_STATE_DEADLINE,
     .created_ns = 700 * SEC,
     .ended_ns = 701 * SEC,
     .deadline_ns = 701 * SEC,
     .name = "orphan"},
};

static void contexts_add(struct dump_builder *b)
{
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        const struct told *t = &told[i];
        struct ctt_context context = {
            .id = t->id,
            .parent = t->parent,
            .kind = t->kind ? t->kind : CTT_CONTEXT_CTX,
            .state = t->state,
            .created_ns = t->created_ns,
            .ended_ns = t->state == CTT_STATE_ACTIVE ? CTT_NEVER : t->ended_ns,
            .created_stack = builder_stack(b, "malloc handle_request worker_main"),
            .name = builder_string(b, t->name),
            .cause = builder_string(b, t->cause),
            .trace_id = builder_string(b, t->trace_id),
            .span_id = builder_string(b, t->span_id),
            .flags = t->flags,
            .task = t->task,
            .value_key = builder_string(b, t->key),
            .value = builder_string(b, t->value),
            .deadline_ns = t->deadline_ns,
            .grace_ns = t->grace_ns,
        };

        builder_record(b, CTT_CONTEXT, &context, sizeof(context));
    }
    for (uint32_t i = 0; i < POOL_SIZE; i++)
        builder_context(b, POOLED + i, 1, CTT_CONTEXT_THREAD, CTT_STATE_ACTIVE, CTT_NEVER, NULL);
}

/* ---- tasks ---- */

static void task_add(struct dump_builder *b, struct ctt_task task, const char *name,
                     const char *state, const char *wait, const char *why)
{
    task.ended_ns = task.ended_ns ? task.ended_ns : CTT_NEVER;
    task.wait_ns = task.wait_ns ? task.wait_ns : CTT_NEVER;
    task.name = builder_string(b, name);
    task.state = builder_string(b, state);
    task.wait = builder_string(b, wait);
    task.why = builder_string(b, why);
    builder_record(b, CTT_TASK, &task, sizeof(task));
}

static void threads_add(struct dump_builder *b)
{
    uint32_t made = builder_stack(b, "pthread_create main __libc_start_main");

    task_add(b,
             (struct ctt_task){.id = TASK_MAIN,
                               .tid = 4711,
                               .context = 1,
                               .flags = CTT_TASK_MAIN,
                               .wait_ns = 90 * SEC},
             "orders", "S (sleeping)", "poll", NULL);
    task_add(b,
             (struct ctt_task){.id = TASK_READER,
                               .tid = 4712,
                               .context = IDLE,
                               .active = QUERY,
                               .creator = TASK_MAIN,
                               .created_stack = made,
                               .created_ns = 10 * SEC,
                               .wait_ns = 3000 * SEC,
                               .object = 0x7ffe1000,
                               .blocked_ns = CANCELLED - SEC / 2},
             "reader", "S (sleeping)", "futex 0x7ffe1004", "cond");
    task_add(b,
             (struct ctt_task){.id = TASK_BUSY,
                               .tid = 4713,
                               .context = IDLE,
                               .creator = TASK_MAIN,
                               .created_stack = made,
                               .created_ns = 10 * SEC},
             "busy", "R (running)", "running", NULL);
    task_add(b,
             (struct ctt_task){.id = TASK_ENDED,
                               .tid = 4714,
                               .context = WORKER,
                               .creator = TASK_MAIN,
                               .flags = CTT_TASK_ENDED,
                               .created_stack = made,
                               .created_ns = 11 * SEC,
                               .ended_ns = 5000 * SEC},
             "reindex", "ended", NULL, NULL);
    task_add(b, (struct ctt_task){.tid = 4720, .flags = CTT_TASK_UNTRACKED}, "raw", "R (running)",
             NULL, NULL);
}

static void pool_add(struct dump_builder *b)
{
    uint32_t made = builder_stack(b, "pthread_create worker_main");
    uint32_t declared = builder_stack(b, "malloc handle_request main");
    char name[] = "worker-00";

    for (uint32_t i = 0; i < POOL_SIZE; i++) {
        name[7] = (char)('0' + i / 10);
        name[8] = (char)('0' + i % 10);
        task_add(b,
                 (struct ctt_task){.id = TASK_POOLED + i,
                                   .tid = 5000 + i,
                                   .context = POOLED + i,
                                   .active = REINDEX,
                                   .creator = TASK_MAIN,
                                   .created_stack = made,
                                   .created_ns = 20 * SEC,
                                   .wait_ns = 60 * SEC + i * MS},
                 name, "S (sleeping)", "futex 0x7f0010", NULL);
        task_add(b,
                 (struct ctt_task){.id = DECLARED | (i + 1),
                                   .context = REINDEX,
                                   .creator = TASK_MAIN,
                                   .flags = CTT_TASK_DECLARED,
                                   .created_stack = declared,
                                   .created_ns = 700 * SEC,
                                   .entered_ns = 701 * SEC,
                                   .thread = TASK_POOLED + i,
                                   .object = 0x7ffe0010,
                                   .blocked_ns = BUILT_NOW - 300 * SEC - i * SEC,
                                   .serves = 0x7ffe0010},
                 "encode", NULL, NULL, "waitgroup");
    }
}

/* Without a thread: not begun yet, laid aside, and one with another within it. */
static void jobs_add(struct dump_builder *b)
{
    struct ctt_task job = {
        .context = REINDEX,
        .creator = DECLARED | 1,
        .flags = CTT_TASK_DECLARED,
        .created_stack = builder_stack(b, "malloc load_conf handle_request main"),
        .created_ns = BUILT_NOW - 3400 * MS,
    };

    job.id = DECLARED | 90;
    task_add(b, job, "thumbnail", NULL, NULL, NULL);
    job.id = DECLARED | 91;
    job.entered_ns = BUILT_NOW - SEC;
    task_add(b, job, "coroutine", NULL, NULL, NULL);
    job.id = DECLARED | 92;
    job.thread = TASK_BUSY;
    task_add(b, job, "outer", NULL, NULL, NULL);
    job.id = DECLARED | 93;
    task_add(b, job, "within", NULL, NULL, NULL);
}

/* ---- what is held ---- */

static void holdings_add(struct dump_builder *b)
{
    struct ctt_kind lease = {LEASE, builder_string(b, "lease"), 0, 0};
    struct ctt_kind transaction = {TRANSACTION, builder_string(b, "transaction"), 0, 0};
    struct ctt_holding fd = {.kind = CTT_KIND_FD,
                             .context = REQUEST,
                             .task = TASK_READER,
                             .stack = builder_stack(b, "open64 load_conf handle_request"),
                             .acquired_ns = CANCELLED - SEC,
                             .last_used_ns = CTT_NEVER,
                             .name = builder_string(b, "/etc/orders/routes.conf"),
                             .detail = builder_string(b, "file")};
    struct ctt_holding own = fd, cleanup = fd;

    builder_record(b, CTT_KIND, &lease, sizeof(lease));
    builder_record(b, CTT_KIND, &transaction, sizeof(transaction));
    for (fd.handle = 31; fd.handle < 34; fd.handle++)
        builder_record(b, CTT_HOLDING, &fd, sizeof(fd));
    fd.context = MEANT;
    builder_record(b, CTT_HOLDING, &fd, sizeof(fd));
    own.detail = 0;
    own.stack = builder_stack(b, "malloc handle_request worker_main");
    for (own.kind = LEASE; own.kind <= TRANSACTION; own.kind++) {
        own.handle = 0x5555000 + own.kind;
        own.name = builder_string(b, "shard 7");
        builder_record(b, CTT_HOLDING, &own, sizeof(own));
    }
    cleanup.kind = CTT_KIND_CLEANUP;
    cleanup.name = cleanup.detail = 0;
    cleanup.context = REINDEX;
    cleanup.stack = builder_stack(b, "close load_conf handle_request");
    for (uint32_t i = 0; i < POOL_SIZE; i++) {
        cleanup.handle = 0x7ffc0000 + i;
        cleanup.task = TASK_POOLED + i;
        builder_record(b, CTT_HOLDING, &cleanup, sizeof(cleanup));
    }
    cleanup.handle = 0x7ffd0000;
    cleanup.task = TASK_READER;
    cleanup.stack = builder_stack(b, "close_conf handle_request worker_main");
    builder_record(b, CTT_HOLDING, &cleanup, sizeof(cleanup));
    builder_blocks(b, "malloc load_conf handle_request", 0, QUERY, 7, 0);
}

void builder_declared_scene(struct dump_builder *b, uint32_t trigger)
{
    builder_process(b, trigger, 0);
    contexts_add(b);
    threads_add(b);
    pool_add(b);
    jobs_add(b);
    holdings_add(b);
    builder_finish(b);
}
