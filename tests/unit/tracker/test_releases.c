/* SPDX-License-Identifier: MIT */
/* Where and how late things were given back: the first few places by themselves, lateness
 * only after a context's end, and nothing lost between threads. */
#include "tests/unit/tracker/unit.h"

#include "preload/facts/context.h"
#include "preload/facts/releases.h"
#include "preload/facts/stack.h"
#include "preload/ground/guard.h"
#include "preload/ground/sys.h"

enum { STACKS = 64, THREADS = 4, TURNS = 20000 };

/* ---- a fake ---- */

static struct stack_note notes[STACKS];

struct stack_tally *stack_tally(uint32_t id)
{
    (void)id;
    return NULL;
}

struct stack_note *stack_note(uint32_t id)
{
    return id && id < STACKS ? &notes[id] : NULL;
}

/* ---- tests ---- */

static struct holding_copy held(uint32_t stack, uint32_t context)
{
    return (struct holding_copy){
        .stack = stack, .context = context, .acquired_ns = clock_since_ns()};
}

static void released(uint32_t stack, uint32_t context, uint32_t at)
{
    struct holding_copy was = held(stack, context);
    release_note(&was, at);
}

static struct ctt_site site_of(uint32_t stack)
{
    struct ctt_site site = {.stack = stack};
    releases_read(stack, &site);
    return site;
}

static void places_have_counts_of_their_own(void **state)
{
    for (uint32_t at = 101; at <= 104; at++)
        for (uint32_t i = 0; i < at - 100; i++)
            released(1, CONTEXT_PROCESS, at);
    struct ctt_site site = site_of(1);
    for (unsigned i = 0; i < CTT_SITE_PLACES; i++) {
        assert_int_equal(site.released_at[i].stack, 101 + i);
        assert_int_equal(site.released_at[i].count, 1 + i);
    }
    assert_int_equal(site.released_elsewhere, 0);
    assert_int_equal(notes[1].released_stack, 104);
}

static void places_beyond_the_table_fall_together(void **state)
{
    for (uint32_t at = 201; at <= 209; at++)
        released(2, CONTEXT_PROCESS, at);
    released(2, CONTEXT_PROCESS, 204);
    struct ctt_site site = site_of(2);
    assert_int_equal(site.released_at[3].count, 2);
    assert_int_equal(site.released_elsewhere, 5);
}

static void what_goes_by_itself_has_no_place(void **state)
{
    released(3, CONTEXT_PROCESS, STACK_NONE);
    struct ctt_site site = site_of(3);
    assert_int_equal(site.released_at[0].stack, 0);
    assert_int_equal(site.released_at[0].count, 0);
    assert_int_equal(notes[3].released_stack, 0);
}

static void late_is_after_the_contexts_end(void **state)
{
    uint32_t context = context_new(CTT_CONTEXT_SCOPE, CONTEXT_PROCESS, 0, "a scope");
    released(4, context, 401);
    assert_int_equal(site_of(4).late, 0);
    context_end(context, CTT_STATE_OK, 0);
    uint64_t ended = clock_since_ns();
    while (clock_since_ns() == ended) /* coarse */
        ;
    released(4, context, 401);
    struct ctt_site site = site_of(4);
    assert_int_equal(site.late, 1);
    assert_true(site.late_longest_ns > 0);
    assert_int_equal(site.late_total_ns, site.late_longest_ns);
    released(4, context, 401);
    assert_int_equal(site_of(4).late, 2);
    assert_int_equal(site_of(4).released_at[0].count, 3);
}

static void in_its_own_context_nothing_is_late(void **state)
{
    released(5, self.context, 501);
    assert_int_equal(site_of(5).late, 0);
}

/* hazard: C4: a fork's child closes for threads that it does not have. */
static void what_was_inherited_is_never_late(void **state)
{
    uint32_t context = context_new(CTT_CONTEXT_SCOPE, CONTEXT_PROCESS, 0, "a scope");
    struct holding_copy was = held(6, context);
    context_end(context, CTT_STATE_ABANDONED, 0);
    was.flags = CTT_HOLDING_INHERITED;
    release_note(&was, 601);
    was.flags = 0;
    atomic_store(&inherited_before_ns, was.acquired_ns + 1);
    release_note(&was, 601);
    atomic_store(&inherited_before_ns, 0);
    assert_int_equal(site_of(6).late, 0);
    assert_int_equal(site_of(6).released_at[0].count, 2);
}

static void *releases_many(void *number)
{
    for (uint32_t i = 0; i < TURNS; i++)
        released(32 + i % 16, CONTEXT_PROCESS, 701 + (uint32_t)(intptr_t)number);
    return NULL;
}

static void threads_lose_nothing(void **state)
{
    in_threads(THREADS, releases_many);
    for (uint32_t stack = 32; stack < 48; stack++) {
        struct ctt_site site = site_of(stack);
        for (unsigned i = 0; i < THREADS; i++)
            assert_int_equal(site.released_at[i].count, TURNS / 16);
    }
}

int main(void)
{
    clock_begin();
    context_begin();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_have_counts_of_their_own),
        cmocka_unit_test(places_beyond_the_table_fall_together),
        cmocka_unit_test(what_goes_by_itself_has_no_place),
        cmocka_unit_test(late_is_after_the_contexts_end),
        cmocka_unit_test(in_its_own_context_nothing_is_late),
        cmocka_unit_test(what_was_inherited_is_never_late),
        cmocka_unit_test(threads_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
