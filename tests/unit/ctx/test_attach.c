/* SPDX-License-Identifier: MIT */
/*
 * What libctx tells a tracker, call by call. This program stands in for the tracker: it exports
 * what libctx looks up, and writes down what it is told. (With the real one the other units
 * are run, and tests of the tracker judge what it makes of this.)
 *
 * Linked with the static library, so that a constructor of ours comes before libctx's.
 */
#include <stdio.h>

#include "attach.h"
#include "ctxtrace_annotate.h"
#include "unit.h"

#define LINES 64

static char lines[LINES][96];
static int line_count;
static uint32_t last_number, entered_now;

#define WRITE(...) snprintf(lines[line_count++ % LINES], sizeof *lines, __VA_ARGS__)

static uint32_t write_made(uint32_t parent, const char *name, const void *site_pc)
{
    WRITE("%u made below %u%s%s%s", ++last_number, parent, name ? " " : "", name ? name : "",
          site_pc ? "" : " nowhere");
    return last_number;
}

static void write_named(uint32_t id, const char *name)
{
    WRITE("%u named %s", id, name);
}

static void write_traced(uint32_t id, const char *trace_id, const char *span_id)
{
    WRITE("%u traced %s %s", id, trace_id, span_id);
}

static void write_ended(uint32_t id, int state, const char *cause)
{
    WRITE("%u ended %d %s", id, state, cause ? cause : "-");
}

static void write_dropped(uint32_t id)
{
    WRITE("%u dropped", id);
}

static uint32_t write_entered(uint32_t id)
{
    uint32_t before = entered_now;
    WRITE("%u entered", id);
    entered_now = id;
    return before;
}

static void write_deadline(uint32_t id, uint64_t monotonic_ns)
{
    WRITE("%u deadline %llu", id, (unsigned long long)monotonic_ns);
}

static int own_fds;

static void write_nothing(const char *why)
{
    (void)why;
}

static void write_nothing_more(void) {}

static int count_fd(int fd, const char *why)
{
    return own_fds += fd >= 0 && why;
}

__attribute__((visibility("default"))) ctxtrace_attach_function ctxtrace_preload_attach_v1;
const struct ctxtrace_attach_v1 *ctxtrace_preload_attach_v1(const void *client)
{
    /* An older one: of what came later libctx does not ask it. */
    static const struct ctxtrace_attach_contexts contexts = {
        .size = offsetof(struct ctxtrace_attach_contexts, owned),
        .made = write_made,
        .named = write_named,
        .traced = write_traced,
        .ended = write_ended,
        .dropped = write_dropped,
        .entered = write_entered,
        .deadline = write_deadline};
    static const struct ctxtrace_attach_v1 table = {.size = sizeof table,
                                                    .ignore_begin = write_nothing,
                                                    .ignore_end = write_nothing_more,
                                                    .ignore_fd = count_fd,
                                                    .contexts = &contexts};
    (void)client;
    return &table;
}

/* ---- before libctx looked ---- */

static ctx_t *early[3];
static ctx_token_t early_token;

__attribute__((constructor(101))) static void make_early(void)
{
    early[0] = ctx_with_name(NULL, "early");
    early[1] = ctx_with_cancel(early[0]);
    early[2] = ctx_with_trace_id(early[1], "req-1", "s");
    ctx_cancel_cause(early[1], EIO, "early end");
    early_token = ctx_push(early[2]);
}

static void assert_lines(const char *const *expected, int count)
{
    for (int i = 0; i < count && i < line_count; i++)
        assert_string_equal(lines[i], expected[i]);
    assert_int_equal(line_count, count);
    line_count = 0;
}

#define ASSERT_LINES(...)                                                                          \
    do {                                                                                           \
        static const char *const expected[] = {__VA_ARGS__};                                       \
        assert_lines(expected, (int)ARRAY_LENGTH(expected));                                       \
    } while (0)

static void early_ones_are_replayed(void **state)
{
    ASSERT_LINES("1 made below 0 early", "2 made below 1", "2 ended 1 early end", "3 made below 2",
                 "3 traced req-1 s", "3 ended 1 early end", "3 entered");
    ctx_pop(&early_token);
    for (int i = 0; i < 3; i++)
        ctx_release(early[i]);
    ASSERT_LINES("0 entered", "3 dropped", "2 dropped", "1 ended 5 -", "1 dropped");
}

static void begin_numbers(void)
{
    line_count = 0;
    last_number = 0;
}

static void lives_are_told(void **state)
{
    begin_numbers();
    ctx_t *top = ctx_with_cancel(ctx_background()), *below = ctx_with_name(top, "below");
    ctx_t *timed = ctx_with_deadline(below, UINT64_C(1) << 62, 0, NULL);
    ASSERT_LINES("1 made below 0", "2 made below 1 below", "3 made below 2",
                 "3 deadline 4611686018427387904");
    ctx_cancel_cause(top, EIO, "disk %d", 7);
    ASSERT_LINES("1 ended 1 disk 7", "2 ended 1 disk 7", "3 ended 1 disk 7");
    ctx_release(below), ctx_release(top);
    assert_int_equal(line_count, 0);
    ctx_release(timed);
    ASSERT_LINES("3 dropped", "2 dropped", "1 dropped");
}

static void ends_have_their_state(void **state)
{
    begin_numbers();
    ctx_t *ok = ctx_with_cancel(NULL), *error = ctx_with_cancel(NULL);
    ctx_t *late = ctx_with_deadline(NULL, 1, 0, "slow"), *lost = ctx_with_cancel(NULL);
    ctx_t *unseen = ctx_with_timeout(NULL, MILLISECOND, 0, NULL);
    usleep(2000);
    begin_numbers();
    ctx_finish(ok, CTX_END_OK), ctx_finish(error, CTX_END_ERROR);
    ASSERT_LINES("1 ended 3 -", "2 ended 4 -");
    ctx_release(lost), ctx_release(unseen), ctx_release(late);
    ASSERT_LINES("4 ended 5 -", "4 dropped", "5 ended 2 -", "5 dropped", "3 dropped");
    ctx_release(ok), ctx_release(error);
}

static void active_ones_are_told(void **state)
{
    ctx_t *one = ctx_with_name(NULL, "one"), *other = ctx_with_name(one, "other");
    begin_numbers();
    CTX_SCOPE(one)
    CTX_SCOPE(other);
    assert_int_equal(line_count, 4);
    assert_string_equal(lines[0], lines[2]);
    assert_string_not_equal(lines[0], lines[1]);
    assert_string_equal(lines[3], "0 entered");
    ctx_release(one), ctx_release(other);
}

/* What another copy of libctx told in between is neither overlooked nor forgotten. */
static void other_copies_are_kept(void **state)
{
    ctx_t *one = ctx_with_name(NULL, "one");
    uint32_t own = last_number;
    CTX_SCOPE(one)
    {
        entered_now = 77; /* the other copy's */
        CTX_SCOPE(one)
        assert_int_equal(entered_now, own);
        assert_int_equal(entered_now, 77);
    }
    assert_int_equal(entered_now, 0);
    ctx_release(one);
}

static void todo_is_made_once(void **state)
{
    begin_numbers();
    ctx_t *below = ctx_with_name(ctx_todo(), "n");
    ctx_todo();
    ASSERT_LINES("1 made below 0 todo", "2 made below 1 n");
    ctx_release(below);
}

static void own_descriptors_are_told(void **state)
{
    ctx_t *context = ctx_with_cancel(NULL);
    int before = own_fds;
    assert_true(ctx_done_fd(context) >= 0);
    assert_int_equal(own_fds, before + 1);
    ctx_cancel(context), ctx_release(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(early_ones_are_replayed), cmocka_unit_test(lives_are_told),
        cmocka_unit_test(ends_have_their_state),   cmocka_unit_test(active_ones_are_told),
        cmocka_unit_test(todo_is_made_once),       cmocka_unit_test(own_descriptors_are_told),
        cmocka_unit_test(other_copies_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
