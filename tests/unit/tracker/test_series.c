/* SPDX-License-Identifier: MIT */
/* Live counts from time to time: a point for each window, half of them when there is no more
 * room, and none of it without acquisitions. */
#include "tests/unit/tracker/unit.h"

#include "preload/facts/context.h"
#include "preload/facts/lateness.h"
#include "preload/facts/releases.h"
#include "preload/facts/series.h"
#include "preload/ground/guard.h"
#include "preload/ground/sys.h"

enum { STACKS = 16, THREADS = 4, TURNS = 20000, PLACE = 99 };

/* ---- a fake ---- */

static struct stack_note notes[STACKS];
static struct stack_tally tallies[STACKS];

struct stack_tally *stack_tally(uint32_t id)
{
    return id && id < STACKS ? &tallies[id] : NULL;
}

struct stack_note *stack_note(uint32_t id)
{
    return id && id < STACKS ? &notes[id] : NULL;
}

/* ---- tests ---- */

static void acquired(uint32_t stack, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        series_note(stack, atomic_fetch_add(&tallies[stack].acquired, 1), 1);
}

static void released(uint32_t stack, uint64_t count)
{
    const struct holding_copy was = {.stack = stack, .context = CONTEXT_PROCESS};
    for (uint64_t i = 0; i < count; i++)
        release_note(&was, i % 2 ? PLACE : STACK_NONE);
}

static struct ctt_series series_of(uint32_t stack)
{
    struct ctt_series series = {0};
    series_read(stack, &series);
    return series;
}

static void wait_ns(uint64_t ns)
{
    uint64_t until = clock_since_ns() + ns;
    while (clock_since_ns() < until)
        ;
}

static void few_have_no_series(void **state)
{
    struct ctt_series series;
    acquired(1, SERIES_STEP - 1);
    assert_false(series_read(1, &series));
    assert_null(atomic_load(&notes[1].series));
    acquired(1, 1);
    assert_true(series_read(1, &series));
    assert_int_equal(series.count, 1);
    assert_int_equal(series.points[0].acquired, SERIES_STEP);
    assert_int_equal(series.points[0].live, SERIES_STEP);
}

static void a_point_is_what_is_held(void **state)
{
    acquired(2, SERIES_STEP);
    released(2, 3);
    wait_ns(series_of(2).window_ns);
    acquired(2, SERIES_STEP);
    struct ctt_series series = series_of(2);
    assert_int_equal(series.count, 2);
    assert_int_equal(series.points[1].acquired, 2 * SERIES_STEP);
    assert_int_equal(series.points[1].live, 2 * SERIES_STEP - 3);
    assert_true(series.points[1].at_ns >= series.points[0].at_ns + series.window_ns);
}

static void one_point_in_a_window(void **state)
{
    acquired(3, SERIES_STEP);
    uint64_t begun = clock_since_ns(), window = series_of(3).window_ns;
    while (clock_since_ns() < begun + window / 2)
        acquired(3, SERIES_STEP);
    /* A machine that stood still in between is not to be blamed. */
    struct ctt_series series = series_of(3);
    if (clock_since_ns() < begun + window)
        assert_int_equal(series.count, 1);
}

static void no_more_held_than_none(void **state)
{
    acquired(4, SERIES_STEP);
    released(4, SERIES_STEP + 2); /* more than were added up until now */
    wait_ns(series_of(4).window_ns);
    series_look(4, SERIES_STEP + 1);
    assert_int_equal(series_of(4).count, 2);
    assert_int_equal(series_of(4).points[1].live, 0);
}

static void when_full_every_other_goes(void **state)
{
    acquired(5, SERIES_STEP);
    uint64_t first = series_of(5).points[0].at_ns, window = series_of(5).window_ns;
    for (uint32_t i = 1; i < CTT_SERIES_POINTS; i++) {
        wait_ns(window);
        acquired(5, SERIES_STEP);
    }
    assert_int_equal(series_of(5).count, CTT_SERIES_POINTS);
    assert_int_equal(series_of(5).window_ns, window);
    wait_ns(window);
    acquired(5, SERIES_STEP);
    struct ctt_series series = series_of(5);
    assert_int_equal(series.count, CTT_SERIES_POINTS / 2 + 1);
    assert_int_equal(series.window_ns, 2 * window);
    assert_true(series.points[0].at_ns > first);
    for (uint32_t i = 0; i < CTT_SERIES_POINTS / 2; i++)
        assert_int_equal(series.points[i].live, 2 * SERIES_STEP * (i + 1));
    assert_int_equal(series.points[8].live, 17 * SERIES_STEP);
}

static void *acquires_many(void *number)
{
    for (uint32_t i = 0; i < TURNS; i++)
        acquired(6, 1);
    return NULL;
}

static void threads_keep_it_whole(void **state)
{
    in_threads(THREADS, acquires_many);
    wait_ns(series_of(6).window_ns);
    acquired(6, SERIES_STEP);
    struct ctt_series series = series_of(6);
    assert_true(series.count >= 2);
    for (uint32_t i = 1; i < series.count; i++)
        assert_true(series.points[i].at_ns >= series.points[i - 1].at_ns + series.window_ns);
    assert_int_equal(series.points[series.count - 1].acquired, THREADS * TURNS + SERIES_STEP);
}

static void memory_is_asked_for(void **state)
{
    series_note_memory(7, 0, 2 * SERIES_STEP);
    assert_null(atomic_load(&notes[7].series));
    atomic_store(&series_are_of_memory, true);
    series_note_memory(7, 0, 2 * SERIES_STEP);
    atomic_store(&series_are_of_memory, false);
    assert_int_equal(series_of(7).points[0].live, 2 * SERIES_STEP);
}

static void a_fork_child_begins_anew(void **state)
{
    struct ctt_series series;
    acquired(8, SERIES_STEP);
    series_forked();
    assert_false(series_read(8, &series));
    acquired(8, SERIES_STEP);
    assert_int_equal(series_of(8).count, 1);
}

int main(void)
{
    clock_begin();
    context_begin();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_have_no_series),         cmocka_unit_test(a_point_is_what_is_held),
        cmocka_unit_test(one_point_in_a_window),      cmocka_unit_test(no_more_held_than_none),
        cmocka_unit_test(when_full_every_other_goes), cmocka_unit_test(threads_keep_it_whole),
        cmocka_unit_test(memory_is_asked_for),        cmocka_unit_test(a_fork_child_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
