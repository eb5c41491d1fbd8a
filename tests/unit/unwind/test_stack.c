/* SPDX-License-Identifier: MIT */
/*
 * Interning: one id for one stack, from any number of threads at once; the
 * capture's way with handlers and longjmp. Also built with the thread
 * sanitizer.
 */
#include "unit.h"

#include <pthread.h>
#include <string.h>

#include "preload/facts/stack.h"
#include "preload/ground/arena.h"
#include "preload/ground/health.h"
#include "preload/ground/room.h"

#define THREADS 8
#define STACKS  2000
#define DEPTH   12
#define PC(n)   (UINT64_C(0x100000) + (uint64_t)(n))

static const char entry_a[1], entry_b[1];

static void same_stack_same_id(void **state)
{
    uint64_t pcs[] = {PC(1), PC(2), PC(3)}, out[8];
    enum ctt_cut cut = CTT_CUT_NONE;
    uint32_t id = stack_intern(pcs, 3, CTT_CUT_NONE, entry_a);
    assert_int_equal(stack_intern(pcs, 3, CTT_CUT_NONE, entry_a), id);
    assert_int_not_equal(stack_intern(pcs, 3, CTT_CUT_NONE, entry_b), id);
    assert_int_not_equal(stack_intern(pcs, 2, CTT_CUT_NONE, entry_a), id);
    uint32_t cut_id = stack_intern(pcs, 3, CTT_CUT_DEPTH, entry_a);
    assert_int_not_equal(cut_id, id);
    assert_int_equal(stack_pcs(id, out, 8, &cut), 4);
    assert_int_equal(cut, CTT_CUT_NONE);
    assert_int_equal(CTT_PC_ADDRESS(out[0]), (uintptr_t)entry_a);
    assert_true(out[0] & CTT_PC_EXACT);
    assert_int_not_equal(CTT_PC_MODULE(out[0]), 0);
    assert_memory_equal(out + 1, pcs, sizeof pcs);
    assert_int_equal(stack_pcs(id, out, 2, &cut), 2);
    stack_pcs(cut_id, out, 8, &cut);
    assert_int_equal(cut, CTT_CUT_DEPTH);
    assert_int_equal(stack_pcs(STACK_NONE, out, 8, &cut), 0);
    assert_int_equal(stack_pcs(STACK_OVERFLOW, out, 8, &cut), 0);
    assert_int_equal(stack_pcs(stack_limit(), out, 8, &cut), 0);
}

static void tallies(void **state)
{
    uint64_t pcs[] = {PC(7)};
    uint32_t id = stack_intern(pcs, 1, CTT_CUT_NONE, entry_a);
    assert_null(stack_tally(STACK_NONE));
    assert_non_null(stack_tally(STACK_OVERFLOW));
    stack_tally(id)->acquired += 2;
    assert_int_equal(stack_tally(id)->acquired, 2);
}

/* Stack n, the even ones the same for all threads. */
static void stack_make(unsigned thread, unsigned n, uint64_t *pcs)
{
    for (unsigned d = 0; d < DEPTH; d++)
        pcs[d] = PC(1000 + n / (d + 1) * 16 + d);
    if (n % 2)
        pcs[0] += UINT64_C(0x1000000) * (thread + 1);
}

static uint32_t ids[THREADS][STACKS];

static void *interning_thread(void *arg)
{
    unsigned me = (unsigned)(uintptr_t)arg;
    for (unsigned k = 0; k < 2 * STACKS; k++) {
        unsigned n = (k * 7 + me * 3) % STACKS;
        uint64_t pcs[DEPTH], out[DEPTH + 1];
        enum ctt_cut cut = CTT_CUT_NONE;
        stack_make(me, n, pcs);
        uint32_t id = stack_intern(pcs, DEPTH, CTT_CUT_NONE, entry_a);
        if (ids[me][n] && ids[me][n] != id)
            return (void *)"the id changed";
        ids[me][n] = id;
        if (stack_pcs(id, out, DEPTH + 1, &cut) != DEPTH + 1 ||
            memcmp(out + 1, pcs, sizeof pcs) != 0)
            return (void *)"another stack";
    }
    return NULL;
}

static void many_threads(void **state)
{
    pthread_t threads[THREADS];
    for (unsigned t = 0; t < THREADS; t++)
        pthread_create(&threads[t], NULL, interning_thread, (void *)(uintptr_t)t);
    for (unsigned t = 0; t < THREADS; t++) {
        void *problem;
        pthread_join(threads[t], &problem);
        assert_null(problem);
    }
    for (unsigned n = 0; n < STACKS; n++)
        for (unsigned t = 1; t < THREADS; t++)
            assert_int_equal(ids[t][n] == ids[0][n], n % 2 == 0);
}

static __attribute__((noinline)) uint32_t capture(void)
{
    struct call_site site = CALL_SITE();
    return stack_capture(&site, entry_a);
}

#define CAPTURES 300

/* Recipes are compiled, kept and read by all threads at once. */
static void *capturing_thread(void *arg)
{
    uint32_t id = capture();
    for (unsigned n = 0; n < CAPTURES; n++)
        if (capture() == STACK_NONE)
            return NULL;
    return (void *)(uintptr_t)id;
}

static void many_captures(void **state)
{
    pthread_t threads[THREADS];
    void *first = NULL;
    for (unsigned t = 0; t < THREADS; t++)
        pthread_create(&threads[t], NULL, capturing_thread, NULL);
    for (unsigned t = 0; t < THREADS; t++) {
        void *id;
        pthread_join(threads[t], &id);
        assert_non_null(id);
        first = first ? first : id;
        assert_ptr_equal(id, first);
    }
}

/* hazards.md A22: a capture left by siglongjmp does not stop later ones; one
 * that is still at work does. */
static void interrupted_captures(void **state)
{
    struct thread_room *room = room_get();
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    assert_int_not_equal(capture(), STACK_NONE);
    assert_int_equal(room->walking[0], 0);
    room->walking[0] = room->walking[1] = here - 65536;
    assert_int_not_equal(capture(), STACK_NONE);
    uint64_t before = health_counts[HEALTH_stacks_reentered];
    room->walking[0] = room->walking[1] = here + 64;
    assert_int_equal(capture(), STACK_NONE);
    assert_int_equal(health_counts[HEALTH_stacks_reentered], before + 1);
    room->walking[1] = 0;
    assert_int_not_equal(capture(), STACK_NONE);
    assert_int_equal(room->walking[0], here + 64);
    room->walking[0] = 0;
}

static void depth_limit(void **state)
{
    enum ctt_cut cut = CTT_CUT_NONE;
    uint64_t out[8];
    stack_depth_limit = 2;
    uint32_t id = capture();
    assert_int_equal(stack_pcs(id, out, 8, &cut), 3);
    assert_int_equal(cut, CTT_CUT_DEPTH);
    stack_depth_limit = 0;
    assert_int_equal(capture(), STACK_NONE);
    stack_depth_limit = 128;
}

/* No memory for more nodes: every new stack is the one that stands for them,
 * those known stay what they are. The last test: memory stays refused. */
static void table_is_full(void **state)
{
    uint64_t known_pc = PC(0x900000), pc = 0;
    uint32_t known = stack_intern(&known_pc, 1, CTT_CUT_NONE, entry_a), id = known;
    uint64_t before = health_counts[HEALTH_stacks_overflowed];
    arena_limit(arena_mapped());
    for (unsigned n = 0; n < 200000 && id != STACK_OVERFLOW; n++) {
        pc = PC(0xa00000 + n);
        id = stack_intern(&pc, 1, CTT_CUT_NONE, entry_a);
    }
    assert_int_equal(id, STACK_OVERFLOW);
    assert_int_equal(health_counts[HEALTH_stacks_overflowed], before + 1);
    assert_int_equal(stack_intern(&known_pc, 1, CTT_CUT_NONE, entry_a), known);
    assert_int_equal(stack_intern(&pc, 1, CTT_CUT_NONE, entry_a), STACK_OVERFLOW);
    /* Also where there was room for all but the innermost node. */
    assert_int_equal(stack_leaf(stack_root(CTT_CUT_RULE), entry_b + 1), STACK_OVERFLOW);
    assert_int_equal(health_counts[HEALTH_stacks_overflowed], before + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_stack_same_id), cmocka_unit_test(tallies),
        cmocka_unit_test(many_threads),       cmocka_unit_test(depth_limit),
        cmocka_unit_test(many_captures),      cmocka_unit_test(interrupted_captures),
        cmocka_unit_test(table_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
