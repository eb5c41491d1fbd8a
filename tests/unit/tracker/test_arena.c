/* SPDX-License-Identifier: MIT */
/* The arena: pieces are zeroed, aligned, apart, counted and bounded. */
#include "tests/unit/tracker/unit.h"

#include <string.h>

#include "preload/ground/arena.h"
#include "preload/ground/health.h"

static void pieces_are_zero_aligned_and_known(void **state)
{
    for (size_t bytes = 1; bytes < 5000; bytes = bytes * 3 + 1) {
        unsigned char *p = arena_alloc(bytes);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xa5, bytes);
        assert_true(arena_owns(p));
        assert_true(arena_owns(p + bytes - 1));
    }
    int local;
    assert_false(arena_owns(&local));
    assert_false(arena_owns(NULL));
}

static void large_pieces_get_a_mapping(void **state)
{
    uint64_t before = arena_mapped();
    char *p = arena_alloc(3u << 20);
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % 4096, 0);
    assert_true(arena_mapped() >= before + (3u << 20));
    assert_true(arena_owns(p + (3u << 20) - 1));
}

static void what_is_touched_is_resident(void **state)
{
    const size_t bytes = 40u << 20, touched = 12u << 20;
    char *p = arena_map(bytes);
    assert_non_null(p);
    uint64_t before = arena_resident();
    memset(p + (8u << 20), 1, touched);
    uint64_t grown = arena_resident() - before;
    /* A large page may come along. */
    assert_true(grown >= touched && grown < touched + (8u << 20));
    assert_true(arena_resident() <= arena_mapped());
}

static void copies_end_with_nul(void **state)
{
    char *copy = arena_copy("context", 4);
    assert_string_equal(copy, "cont");
}

#define PIECES 20000
static uint64_t *taken[8][PIECES];

static void *take_pieces(void *arg)
{
    intptr_t me = (intptr_t)arg;
    for (uint64_t i = 0; i < PIECES; i++) {
        uint64_t *p = arena_alloc(24);
        if (!p)
            return NULL;
        p[0] = (uint64_t)me << 32 | i;
        taken[me][i] = p;
    }
    return NULL;
}

static void threads_never_share_a_piece(void **state)
{
    in_threads(8, take_pieces);
    for (uint64_t me = 0; me < 8; me++)
        for (uint64_t i = 0; i < PIECES; i++)
            assert_int_equal(taken[me][i][0], me << 32 | i);
}

static void cap_refuses_and_counts(void **state)
{
    uint64_t refused = health_counts[HEALTH_arena_refused];
    assert_int_equal(arena_cap(), UINT64_MAX);
    arena_limit(arena_mapped());
    assert_null(arena_map(1u << 20));
    assert_true(health_counts[HEALTH_arena_refused] > refused);
    arena_limit(UINT64_MAX);
    assert_non_null(arena_map(4096));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zero_aligned_and_known),
        cmocka_unit_test(large_pieces_get_a_mapping),
        cmocka_unit_test(what_is_touched_is_resident),
        cmocka_unit_test(copies_end_with_nul),
        cmocka_unit_test(threads_never_share_a_piece),
        cmocka_unit_test(cap_refuses_and_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
