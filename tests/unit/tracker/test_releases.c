/* SPDX-License-Identifier: MIT */
/* Where and how late things were given back: the first few places by themselves, lateness
 * only after a context's end, and nothing lost between threads. */
#include "tests/unit/tracker/unit.h"

#include "preload/facts/context.h"
#include "preload/facts/context_note.h"
#include "preload/facts/lateness.h"
#include "preload/facts/releases.h"
#include "preload/facts/stack.h"
#include "preload/ground/guard.h"
#include "preload/ground/sys.h"

#define MS UINT64_C(1000000)

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

static struct ctt_late late_of(uint32_t stack)
{
    const struct lateness *lateness = NULL;
    struct ctt_late late = {0};
    while ((lateness = lateness_next(lateness)))
        if (lateness_read(lateness, &late) && late.stack == stack)
            return late;
    return (struct ctt_late){0};
}

static void tick(void)
{
    uint64_t now = clock_since_ns();
    while (clock_since_ns() == now) /* coarse */
        ;
}

static void how_late_is_kept_of_declared_contexts(void **state)
{
    uint32_t declared = context_new(CTT_CONTEXT_CTX, CONTEXT_PROCESS, 0, "a request");
    uint32_t thread = context_new(CTT_CONTEXT_THREAD, CONTEXT_PROCESS, 0, NULL);
    struct holding_copy was = held(7, declared);
    context_end(declared, CTT_STATE_CANCELLED, 0);
    context_end(thread, CTT_STATE_OK, 0);
    tick();
    released(7, thread, 701);
    was.flags = CTT_HOLDING_IGNORED; /* told to be nobody's concern: libctx's descriptors */
    release_note(&was, 701);
    was.flags = 0;
    assert_int_equal(late_of(7).count, 0);
    release_note(&was, 701);
    struct ctt_late late = late_of(7);
    assert_int_equal(late.count, 1);
    assert_true(late.longest_ns > 0 && late.longest_ns <= site_of(7).late_longest_ns);
    assert_int_equal(site_of(7).late, 2);
}

/* A context that has ended is still the thread's own while it is at work in it. */
static void in_a_declared_context_of_its_own_it_is_late(void **state)
{
    uint32_t before = self.context;
    self.context = context_new(CTT_CONTEXT_CTX, CONTEXT_PROCESS, 0, "a request");
    struct holding_copy was = held(8, self.context);
    release_note(&was, 801);
    assert_int_equal(late_of(8).count, 0);
    context_end(self.context, CTT_STATE_OK, 0);
    tick();
    release_note(&was, 801);
    assert_int_equal(late_of(8).count, 1);
    self.context = before;
}

static void a_deadline_ends_though_nobody_looked(void **state)
{
    uint32_t context = context_new(CTT_CONTEXT_CTX, CONTEXT_PROCESS, 0, "a request");
    struct context_note *note = note_new(context);
    struct holding_copy was = held(9, context);
    release_note(&was, 901);
    assert_int_equal(late_of(9).count, 0);
    atomic_store(&note->deadline_ns, was.acquired_ns);
    tick();
    release_note(&was, 901);
    assert_int_equal(late_of(9).count, 1);
    /* An end that comes later does not put it off. */
    context_end(context, CTT_STATE_CANCELLED, 0);
    release_note(&was, 901);
    assert_int_equal(late_of(9).count, 2);
    assert_true(late_of(9).longest_ns >= clock_since_ns() - was.acquired_ns - MS);
}

static void its_own_grace_makes_it_early(void **state)
{
    uint32_t context = context_new(CTT_CONTEXT_CTX, CONTEXT_PROCESS, 0, "a request");
    struct context_note *note = note_new(context);
    struct holding_copy was = held(12, context);
    atomic_store(&note->grace_ns, CTT_NEVER);
    context_end(context, CTT_STATE_OK, 0);
    tick();
    release_note(&was, 1201);
    assert_int_equal(late_of(12).count, 0);
    atomic_store(&note->grace_ns, 1);
    release_note(&was, 1201);
    assert_int_equal(late_of(12).count, 1);
}

static void acquired_after_the_end_counts_apart(void **state)
{
    uint32_t context = context_new(CTT_CONTEXT_CTX, CONTEXT_PROCESS, 0, "a request");
    context_end(context, CTT_STATE_OK, 0);
    tick();
    released(10, context, 1001);
    assert_int_equal(late_of(10).count, 0);
    assert_int_equal(late_of(10).acquired_after, 1);
    lateness_forked();
    assert_int_equal(late_of(10).acquired_after, 0);
}

static void buckets_are_quarters_of_doublings(void **state)
{
    _Atomic(struct lateness *) place = NULL;
    const struct row {
        uint64_t ns;
        unsigned bucket;
    } rows[] = {
        {0, 0},
        {(UINT64_C(1) << CTT_LATE_LOG) - 1, 0},
        {UINT64_C(1) << CTT_LATE_LOG, 1},
        {UINT64_C(5) << (CTT_LATE_LOG - 2), 2},
        {UINT64_C(7) << (CTT_LATE_LOG - 2), 4},
        {UINT64_C(2) << CTT_LATE_LOG, 5},
        {(UINT64_C(1) << (CTT_LATE_LOG + 28)) - 1, CTT_LATE_BUCKETS - 1},
        {UINT64_C(1) << (CTT_LATE_LOG + 28), CTT_LATE_BUCKETS - 1},
        {UINT64_MAX, CTT_LATE_BUCKETS - 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        place = NULL;
        lateness_add(lateness_at(&place, 11), rows[i].ns);
        struct ctt_late late;
        assert_true(lateness_read(place, &late));
        assert_int_equal(late.buckets[rows[i].bucket], 1);
        assert_int_equal(late.longest_ns, rows[i].ns);
    }
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
        cmocka_unit_test(how_late_is_kept_of_declared_contexts),
        cmocka_unit_test(in_a_declared_context_of_its_own_it_is_late),
        cmocka_unit_test(a_deadline_ends_though_nobody_looked),
        cmocka_unit_test(its_own_grace_makes_it_early),
        cmocka_unit_test(acquired_after_the_end_counts_apart),
        cmocka_unit_test(buckets_are_quarters_of_doublings),
        cmocka_unit_test(in_its_own_context_nothing_is_late),
        cmocka_unit_test(what_was_inherited_is_never_late),
        cmocka_unit_test(threads_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
