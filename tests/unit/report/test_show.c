/* SPDX-License-Identifier: MIT */
/*
 * `show` as a person calls it: what an id names, what is told of each sort of subject,
 * and what is said when an id names nothing or too much.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture.h"
#include "report/command.h"

static struct capture c;

#define SHOW(...) capture_run(&c, cmd_show, (const char *const[]){"x", __VA_ARGS__, NULL})

static void assert_says(const char *text, const char *wanted)
{
    if (!strstr(text, wanted))
        fail_msg("expected \"%s\" in:\n%s", wanted, text);
}

static const char *scene_dump(void)
{
    struct dump_builder *b = builder_new();

    builder_scene(b, CTT_TRIGGER_EXIT);
    return capture_dump(b);
}

/* A copy that another thread uses, beneath a stream, whose source failed to close. */
static const char *history_dump(void)
{
    struct dump_builder *b = builder_new();
    uint32_t opened, stack;

    builder_process(b, CTT_TRIGGER_SIGNAL, 0);
    builder_context(b, 2, 1, CTT_CONTEXT_CTX, CTT_STATE_OK, 2 * SEC, "job");
    opened = builder_stack(b, "open64 load_conf main");
    stack = builder_stack(b, "open64 handle_request worker_main");
    struct ctt_task user = {.id = 9,
                            .tid = 4719,
                            .context = 2,
                            .ended_ns = CTT_NEVER,
                            .wait_ns = CTT_NEVER,
                            .name = builder_string(b, "reader"),
                            .created_stack = opened};
    struct ctt_holding fd = {.kind = CTT_KIND_SOCKET,
                             .flags = CTT_HOLDING_OWNED | CTT_HOLDING_USED_ELSEWHERE,
                             .handle = 12,
                             .owner = 0x5555,
                             .owner_kind = CTT_KIND_STREAM,
                             .context = 2,
                             .task = 8,
                             .stack = stack,
                             .acquired_ns = SEC,
                             .last_used_ns = 3 * SEC,
                             .last_task = 9,
                             .name = builder_string(b, "socket:[9]"),
                             .detail = builder_string(b, "tcp"),
                             .source = 7 + 1,
                             .source_stack = opened};
    struct ctt_holding stream = {.kind = CTT_KIND_STREAM,
                                 .handle = 0x5555,
                                 .context = 2,
                                 .stack = stack,
                                 .acquired_ns = SEC,
                                 .last_used_ns = CTT_NEVER};
    struct ctt_mishap failed = {.id = CTT_MISHAP_FAILED_CLOSE,
                                .kind = CTT_KIND_SOCKET,
                                .handle = 11,
                                .error = 28,
                                .stack = builder_stack(b, "close close_conf main"),
                                .acquired_stack = stack,
                                .first_ns = SEC,
                                .last_ns = 2 * SEC,
                                .count = 2};
    builder_record(b, CTT_TASK, &user, sizeof(user));
    builder_record(b, CTT_HOLDING, &fd, sizeof(fd));
    builder_record(b, CTT_HOLDING, &stream, sizeof(stream));
    builder_record(b, CTT_MISHAP, &failed, sizeof(failed));
    return capture_dump(b);
}

static void test_finding(void **state)
{
    SHOW("61ee", scene_dump());
    assert_int_equal(c.status, STATUS_OK);
    assert_says(c.out, "held-after-cancel (error, proved)  fd x37");
    assert_says(c.out, "id 61ee9037a0fe5f6d");
    assert_null(strstr(c.out, "double-close"));
    assert_null(strstr(c.out, "next    "));
    assert_says(c.out, "contexts, from the inmost out\n"
                       "  ctx 3 req:/v1/orders: deadline exceeded +2.00s\n");
    assert_says(c.out, "\n  ctx 2 svc: active\n");
    assert_says(c.out, "\n  fd 67 /etc/orders/routes.conf  file  O_CLOEXEC\n");
    assert_says(c.out, "released here: 28\n    stack   close ");
    assert_says(c.out, "released here: 3\n");
    capture_end();
}

static void test_mishap(void **state)
{
    SHOW("ce94e877af1629cf", scene_dump());
    assert_int_equal(c.status, STATUS_OK);
    assert_says(c.out, "    before  close");
    capture_end();
}

static void test_ids_that_name_no_one_thing(void **state)
{
    const char *dump = scene_dump();

    SHOW("6", dump);
    assert_int_equal(c.status, STATUS_USAGE);
    assert_string_equal(c.out, "");
    assert_says(c.err, "\"6\" begins the id of 3 findings:\n"
                       "  61ee9037a0fe5f6d  held-after-cancel, fd x37\n");
    assert_null(strstr(c.err, "ce94e877af1629cf"));
    SHOW("ffff", dump);
    assert_int_equal(c.status, STATUS_USAGE);
    assert_says(c.err, "no finding has an id that begins with \"ffff\"; there are:\n");
    assert_says(c.err, "  ce94e877af1629cf  double-close, fd x3\n");
    capture_end();
}

static void test_history_of_a_holding(void **state)
{
    const char *dump = history_dump();

    SHOW("fd:12", dump);
    assert_int_equal(c.status, STATUS_OK);
    assert_says(c.out, "\nsocket 12 socket:[9]  tcp\n");
    assert_says(c.out, "    got     +1.00s by task 8 (gone), ");
    assert_says(c.out, "    copy    of fd 7, acquired by load_conf conf.c:57 < main:12\n");
    assert_says(c.out, "    owner   stream 0x5555, which took it over\n");
    assert_says(c.out, "    used    last +3.00s by task 9 (tid 4719 reader)\n"
                       "            another task than acquired it, after its context's end\n");
    assert_says(c.out, "mishaps of what this stack acquired\n"
                       "  failed-close ENOSPC, 2 times, last +2.00s with socket 11\n");
    SHOW("socket:12", dump);
    assert_int_equal(c.status, STATUS_OK);
    SHOW("stream:0x5555", dump);
    assert_says(c.out, "    told    held-after-cancel, id ");
    assert_says(c.out, "    owns    socket 12 socket:[9]  tcp  (there before it)\n");
    capture_end();
}

static void test_reach(void **state)
{
    struct dump_builder *b = builder_new();
    const char *dump;

    builder_reach_scene(b, CTT_TRIGGER_EXIT);
    dump = capture_dump(b);
    SHOW("3c8e", dump);
    assert_int_equal(c.status, STATUS_OK);
    assert_says(c.out,
                "    seen    nothing reaches 5 memory blocks, 400 B, 2 in a ring; 4 threads");
    assert_says(c.out, "\n  3 memory blocks, 240 B, lost\n");
    assert_says(c.out, "    rule    leak:handle_request max=1  hides no more than that");
    SHOW("1f48", dump); /* a rule hides it */
    assert_int_equal(c.status, STATUS_OK);
    assert_says(c.out, "    rule    hidden by leak:^walk$  (program:2)");
    SHOW("ce4f", dump);
    assert_says(c.out, "    note    no frame is of the project's: a system program's");
    SHOW("stream:0x55550010", dump);
    assert_says(c.out, "    state   forgotten: nothing but libc itself refers to it\n");
    SHOW("context:2", dump);
    assert_says(c.out, "what is held in it is meant to be");
    assert_says(c.out, "\n  4 memory blocks, 40 B, lost ");
    SHOW("ffff", dump);
    assert_says(c.err, "  1f484960ceb31d6a  unreachable, memory x2, suppressed\n");
    capture_end();
}

static void test_suppressions(void **state)
{
    const char *dump = scene_dump();

    SHOW("61ee", "--suppressions", capture_file("held:fd:load_conf"), dump);
    assert_int_equal(c.status, STATUS_OK);
    assert_says(c.out, "    rule    hidden by held:fd:load_conf");
    SHOW("61ee", "--suppressions", capture_file("held:"), dump);
    assert_int_equal(c.status, STATUS_BAD_INPUT);
    assert_says(c.err, ":1: not a rule: ");
    capture_end();
}

static void test_tasks_and_contexts(void **state)
{
    const char *dump = scene_dump();

    SHOW("task:1", dump);
    assert_says(c.out,
                "task 1 (tid 4711 orders)\n    state   S (sleeping), wait: poll for 1m30s\n");
    assert_says(c.out, "\n  fd 31 /etc/orders/routes.conf  file ");
    SHOW("task:4719", dump);
    assert_says(c.out, "task 2 (tid 4719 reindex)\n");
    assert_says(c.out, "    ended   +1h00m\n");
    SHOW("context:3", dump);
    assert_says(c.out, "  ctx 3 req:/v1/orders: deadline exceeded +2.00s\n");
    assert_says(c.out, "acquired in it and held\n  fd 31 ");
    SHOW("context:4", dump);
    assert_says(c.out, "acquired in it and held\n  nothing\n");
    capture_end();
}

static void test_names_of_nothing(void **state)
{
    const char *dump = scene_dump();

    SHOW("fd:999", dump);
    assert_int_equal(c.status, STATUS_USAGE);
    assert_says(c.err, "the dump lists no fd 999\n  fd:31 fd:32 ");
    assert_says(c.err, " and 58 more\n");
    SHOW("stream:1", dump);
    assert_says(c.err, "the dump lists no stream 1\n  stream:0x55550010\n");
    SHOW("memory:1", dump);
    assert_says(c.err, "memory is listed by its stacks");
    SHOW("nonsense:1", dump);
    assert_says(c.err, "no such kind");
    SHOW("fd:x", dump);
    assert_says(c.err, "expected a word and a number");
    SHOW(":7", dump);
    assert_int_equal(c.status, STATUS_USAGE);
    SHOW("task:0", dump);
    assert_int_equal(c.status, STATUS_USAGE);
    SHOW("context:99999999999", dump);
    assert_int_equal(c.status, STATUS_USAGE);
    capture_end();
}

static void test_which_file(void **state)
{
    char folder[] = "/tmp/ctxtrace-show.XXXXXX", before[4096], path[4096];

    SHOW("61ee", "/nonexistent");
    assert_int_equal(c.status, STATUS_BAD_INPUT);
    capture_run(&c, cmd_show, (const char *const[]){"x", NULL});
    assert_int_equal(c.status, STATUS_USAGE);
    assert_non_null(getcwd(before, sizeof(before)));
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    SHOW("61ee");
    assert_int_equal(c.status, STATUS_BAD_INPUT);
    assert_says(c.err, "there is no *.ctt here");
    snprintf(path, sizeof(path), "%s/a.ctt", folder);
    assert_int_equal(symlink(scene_dump(), path), 0);
    SHOW("61ee");
    assert_int_equal(c.status, STATUS_OK);
    assert_says(c.out, "held-after-cancel");
    unlink(path);
    assert_int_equal(chdir(before), 0);
    rmdir(folder);
    capture_end();
}

/* A thread and the job that it is at work on know each other. */
static void test_declared(void **state)
{
    struct dump_builder *b = builder_new();
    const char *path;

    builder_declared_scene(b, CTT_TRIGGER_SIGNAL);
    path = capture_dump(b);
    SHOW("job:1", path);
    assert_int_equal(c.status, STATUS_OK);
    assert_says(c.out, "\njob 1 encode\n");
    assert_says(c.out, "    waits   for waitgroup 0x7ffe0010, 5m00s, as it says\n");
    assert_says(c.out, "    thread  task 5 (tid 5000 worker-00)\n");
    assert_says(c.out, "  ctx 7 job:reindex: active\n");
    assert_says(c.out, "    due     +2h01m\n");
    SHOW("task:5", path);
    assert_says(c.out, "    work    job 1 encode\n");
    SHOW("job:90", path);
    assert_says(c.out, "    state   waiting to start\n");
    assert_says(c.out, "by job 1 encode\n");
    SHOW("context:3", path);
    assert_says(c.out, " in task 2 (tid 4712 reader)\n");
    assert_says(c.out, "    trace   req-12345 7\n    value   user=alice\n");
    SHOW("job:77", path);
    assert_int_equal(c.status, STATUS_USAGE);
    capture_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_declared),
        cmocka_unit_test(test_finding),
        cmocka_unit_test(test_mishap),
        cmocka_unit_test(test_ids_that_name_no_one_thing),
        cmocka_unit_test(test_history_of_a_holding),
        cmocka_unit_test(test_reach),
        cmocka_unit_test(test_suppressions),
        cmocka_unit_test(test_tasks_and_contexts),
        cmocka_unit_test(test_names_of_nothing),
        cmocka_unit_test(test_which_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
