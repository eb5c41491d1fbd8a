/* SPDX-License-Identifier: MIT */
/*
 * One of everything: the dump behind the golden reports and the corpus. See
 * builder_scene() in dump_builder.h.
 */
#include <string.h>

#include "dump_builder.h"

enum { CTX_SERVICE = 2, CTX_REQUEST = 3, CTX_THREAD = 4, TASK_MAIN = 1, TASK_WORKER = 2 };

static void contexts_add(struct dump_builder *b)
{
    builder_context(b, CTX_SERVICE, 1, CTT_CONTEXT_CTX, CTT_STATE_ACTIVE, CTT_NEVER, "svc");
    builder_context(b, CTX_REQUEST, CTX_SERVICE, CTT_CONTEXT_CTX, CTT_STATE_DEADLINE, 2 * SEC,
                    "req:/v1/orders");
    builder_context(b, CTX_THREAD, 1, CTT_CONTEXT_THREAD, CTT_STATE_OK, 3600 * SEC, NULL);
}

static void tasks_add(struct dump_builder *b)
{
    struct ctt_task main_task = {
        .id = TASK_MAIN,
        .tid = 4711,
        .context = 1,
        .flags = CTT_TASK_MAIN,
        .ended_ns = CTT_NEVER,
        .wait_ns = 90 * SEC,
        .name = builder_string(b, "orders"),
        .state = builder_string(b, "S (sleeping)"),
        .wait = builder_string(b, "poll"),
    };
    struct ctt_task worker = {
        .id = TASK_WORKER,
        .tid = 4719,
        .context = CTX_THREAD,
        .creator = TASK_MAIN,
        .flags = CTT_TASK_ENDED,
        .created_stack = builder_stack(b, "pthread_create main __libc_start_main"),
        .created_ns = 10 * SEC,
        .ended_ns = 3600 * SEC,
        .wait_ns = CTT_NEVER,
        .name = builder_string(b, "reindex"),
        .state = builder_string(b, "ended"),
    };
    struct ctt_task stranger = {
        .tid = 4720,
        .flags = CTT_TASK_UNTRACKED,
        .ended_ns = CTT_NEVER,
        .wait_ns = CTT_NEVER,
        .name = builder_string(b, "raw\x1b[31m\xff"),
        .state = builder_string(b, "R (running)"),
    };

    builder_record(b, CTT_TASK, &main_task, sizeof(main_task));
    builder_record(b, CTT_TASK, &worker, sizeof(worker));
    builder_record(b, CTT_TASK, &stranger, sizeof(stranger));
}

static void requests_fds_add(struct dump_builder *b)
{
    uint32_t stack = builder_stack(b, "open64 load_conf handle_request worker_main");
    struct ctt_site site = {
        .stack = stack,
        .kind = CTT_KIND_FD,
        .acquired = 70,
        .released = 33,
        .released_stack = builder_stack(b, "close close_conf handle_request"),
        .late = 2,
        .late_longest_ns = 1500 * MS,
        .late_total_ns = 2 * SEC,
        .released_elsewhere = 1,
    };
    struct ctt_holding fd = {
        .kind = CTT_KIND_FD,
        .flags = CTT_HOLDING_CLOEXEC,
        .context = CTX_REQUEST,
        .task = TASK_MAIN,
        .stack = stack,
        .acquired_ns = 410 * MS,
        .last_used_ns = CTT_NEVER,
        .detail = builder_string(b, "file"),
        .name = builder_string(b, "/etc/orders/routes.conf"),
    };

    site.released_at[0] = (struct ctt_place){builder_stack(b, "close handle_request main"), 3};
    site.released_at[1] = (struct ctt_place){site.released_stack, 28};
    site.released_at[2] = (struct ctt_place){builder_stack(b, "close close_conf main"), 1};
    for (fd.handle = 31; fd.handle < 68; fd.handle++)
        builder_record(b, CTT_HOLDING, &fd, sizeof(fd));
    builder_record(b, CTT_SITE, &site, sizeof(site));
}

/* Forty sockets that came back late, and pipes that become more and more. */
static void courses_add(struct dump_builder *b)
{
    uint32_t late_stack = builder_stack(b, "socket handle_request worker_main");
    uint32_t more_stack = builder_stack(b, "open64 walk main");
    struct ctt_late late = {.stack = late_stack, .kind = CTT_KIND_SOCKET, .count = 40};
    struct ctt_site sites[] = {
        {.stack = late_stack,
         .kind = CTT_KIND_SOCKET,
         .acquired = 900,
         .released = 900,
         .late = 41,
         .late_longest_ns = 4 * SEC,
         .late_total_ns = 60 * SEC},
        {.stack = more_stack, .kind = CTT_KIND_PIPE, .acquired = 60, .released = 20},
    };
    struct ctt_series series = {
        .stack = more_stack, .kind = CTT_KIND_PIPE, .count = 10, .window_ns = 640 * SEC};
    struct ctt_holding pipe = {.kind = CTT_KIND_PIPE,
                               .context = 1,
                               .task = TASK_MAIN,
                               .stack = more_stack,
                               .last_used_ns = CTT_NEVER};

    late.buckets[0] = 20;
    late.buckets[45] = 15; /* 2.1 s to 2.7 s */
    late.buckets[48] = 5;  /* 3.8 s to 4.3 s */
    late.longest_ns = 4 * SEC;
    late.acquired_after = 3;
    for (uint32_t i = 0; i < series.count; i++)
        series.points[i] = (struct ctt_point){1000 * SEC + i * 680 * SEC, 6 + 6 * i, 4 + 4 * i};
    for (pipe.handle = 100; pipe.handle < 140; pipe.handle++) {
        pipe.acquired_ns = (pipe.handle - 99) * 150 * SEC;
        builder_record(b, CTT_HOLDING, &pipe, sizeof(pipe));
    }
    builder_record(b, CTT_LATE, &late, sizeof(late));
    builder_record(b, CTT_SITE, &sites[0], sizeof(sites[0]));
    builder_record(b, CTT_SITE, &sites[1], sizeof(sites[1]));
    builder_record(b, CTT_SERIES, &series, sizeof(series));
}

static void others_add(struct dump_builder *b)
{
    struct ctt_holding stream = {
        .kind = CTT_KIND_STREAM,
        .handle = 0x55550010,
        .context = 1,
        .task = TASK_MAIN,
        .stack = builder_stack(b, "fopen64 main __libc_start_main"),
        .acquired_ns = 100 * MS,
        .last_used_ns = 200 * MS,
        .name = builder_string(b, "/var/log/\"odd\"\n\xc3\xa4\xff.log"),
    };
    struct ctt_holding thread = {
        .kind = CTT_KIND_THREAD,
        .flags = CTT_HOLDING_ENDED,
        .handle = 4719,
        .name = builder_string(b, "reindex"),
        .context = 1,
        .task = TASK_WORKER,
        .stack = builder_stack(b, "pthread_create main __libc_start_main"),
        .acquired_ns = 10 * SEC,
        .bytes = 8 << 20,
        .last_used_ns = CTT_NEVER,
    };
    struct ctt_holding raw = {
        .kind = CTT_KIND_FD,
        .flags = CTT_HOLDING_UNTRACKED,
        .handle = 9,
        .acquired_ns = CTT_NEVER,
        .last_used_ns = CTT_NEVER,
        .name = builder_string(b, "anon_inode:[io_uring]"),
    };
    struct ctt_group memory = {
        .kind = CTT_KIND_MEMORY,
        .context = 1,
        .stack = builder_stack_cut(b, "malloc walk walk walk jit", CTT_CUT_NO_MODULE),
        .count = 1234,
        .bytes = 1234567,
        .oldest_ns = 50 * MS,
        .newest_ns = 7000 * SEC,
    };

    if (b->sample_bytes) {
        memory.count = 81;
        memory.bytes = 81000;
        memory.sampled = 80;
        memory.more_count = 41903.4;
        memory.more_bytes = 41903400;
        memory.count_variance = 5.49e6 * 4;
        memory.bytes_variance = 5.49e12 * 4;
    }
    builder_record(b, CTT_HOLDING, &stream, sizeof(stream));
    builder_record(b, CTT_HOLDING, &thread, sizeof(thread));
    builder_record(b, CTT_HOLDING, &raw, sizeof(raw));
    builder_record(b, CTT_GROUP, &memory, sizeof(memory));
}

static void mishaps_add(struct dump_builder *b)
{
    struct ctt_mishap mishap = {
        .id = CTT_MISHAP_DOUBLE_CLOSE,
        .kind = CTT_KIND_FD,
        .handle = 7,
        .error = 9,
        .stack = builder_stack(b, "close close_conf main"),
        .acquired_stack = builder_stack(b, "open64 load_conf main"),
        .released_stack = builder_stack(b, "close handle_request main"),
        .context = 1,
        .task = TASK_MAIN,
        .first_ns = 5 * SEC,
        .last_ns = 65 * SEC,
        .count = 3,
    };

    builder_record(b, CTT_MISHAP, &mishap, sizeof(mishap));
}

/* No memory was left, with most of it in two places. */
static void limit_add(struct dump_builder *b)
{
    struct ctt_mishap mishap = {
        .id = CTT_MISHAP_LIMIT,
        .kind = CTT_KIND_MEMORY,
        .handle = UINT64_MAX,
        .error = 12,
        .stack = builder_stack(b, "malloc load_conf main"),
        .context = 1,
        .task = TASK_MAIN,
        .first_ns = 70 * SEC,
        .last_ns = 70 * SEC,
        .count = 1,
        .wanted = 8 << 20,
    };
    struct ctt_holder holders[] = {
        {.stack = builder_stack(b, "malloc load_conf main"), .count = 3, .bytes = 80 << 20},
        {.stack = builder_stack(b, "malloc handle_request main"), .count = 9000, .bytes = 9 << 20},
        {.count = 70, .bytes = 5000},
    };

    builder_record(b, CTT_MISHAP, &mishap, sizeof(mishap));
    for (size_t i = 0; i < sizeof(holders) / sizeof(holders[0]); i++) {
        holders[i].error = 12;
        holders[i].kind = holders[i].stack ? CTT_KIND_MEMORY : 0;
        holders[i].at_ns = 70 * SEC;
        builder_record(b, CTT_HOLDER, &holders[i], sizeof(holders[i]));
    }
}

static void facts_add(struct dump_builder *b)
{
    struct ctt_limit nofile = {builder_string(b, "nofile"), builder_string(b, "fds"), 41, 1024,
                               4096};
    struct ctt_limit rss = {builder_string(b, "rss"), builder_string(b, "bytes"), 12 << 20,
                            CTT_NEVER, CTT_NEVER};
    struct ctt_counter counter = {builder_string(b, "blocks_dropped"), 0, 2};
    struct ctt_counter ended = {builder_string(b, "contexts_ended"), 0, 413};
    struct ctt_health health = {CTT_HEALTH_DEGRADED, builder_string(b, "mapping"),
                                builder_string(b, "another allocator was bound first"), 0};
    struct ctt_kind kind = {CTT_KIND_FD, builder_string(b, "fd"), 0, 0};

    builder_record(b, CTT_LIMIT, &nofile, sizeof(nofile));
    builder_record(b, CTT_LIMIT, &rss, sizeof(rss));
    builder_record(b, CTT_COUNTER, &counter, sizeof(counter));
    builder_record(b, CTT_COUNTER, &ended, sizeof(ended));
    builder_record(b, CTT_HEALTH, &health, sizeof(health));
    builder_record(b, CTT_KIND, &kind, sizeof(kind));
    builder_option(b, "grace", "2s");
}

void builder_scene(struct dump_builder *b, uint32_t trigger)
{
    builder_process(b, trigger, 0);
    contexts_add(b);
    tasks_add(b);
    requests_fds_add(b);
    courses_add(b);
    others_add(b);
    mishaps_add(b);
    limit_add(b);
    facts_add(b);
    builder_finish(b);
}
