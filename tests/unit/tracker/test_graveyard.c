/* SPDX-License-Identifier: MIT */
/* Blocks that were freed: what is found is what was dug, whoever writes beside. */
#include "tests/unit/tracker/unit.h"

#include <pthread.h>
#include <stdatomic.h>

#include "preload/books/graveyard.h"

enum { THREADS = 4, TURNS = 300000, ADDRESSES = 3000, BLOCK = 16 };

static struct grave grave_of(uint64_t address, uint32_t mark)
{
    return (struct grave){address, mark, ~mark, mark ^ 0x55555555u};
}

static bool is_whole(const struct grave *grave)
{
    return grave->released_stack == ~grave->acquired_stack &&
           grave->released_task == (grave->acquired_stack ^ 0x55555555u);
}

static void found_until_it_is_filled(void **state)
{
    struct grave dug = grave_of(0x1000, 7), got;
    assert_false(grave_find(0x1000, &got));
    grave_dig(&dug);
    assert_true(grave_find(0x1000, &got));
    assert_int_equal(got.acquired_stack, 7);
    assert_true(is_whole(&got));
    assert_false(grave_find(0x1010, &got));
    grave_fill(0x1010);
    assert_true(grave_find(0x1000, &got));
    grave_fill(0x1000);
    assert_false(grave_find(0x1000, &got));
}

/* A place is its last taker's: the table does not grow. */
static void places_are_taken_over(void **state)
{
    struct grave got;
    uint32_t found = 0;
    for (uint64_t i = 1; i <= 1000000; i++) {
        struct grave dug = grave_of(i * BLOCK, (uint32_t)i);
        grave_dig(&dug);
    }
    for (uint64_t i = 1; i <= 1000000; i++) {
        if (grave_find(i * BLOCK, &got)) {
            found++;
            assert_int_equal(got.acquired_stack, i);
            grave_fill(i * BLOCK);
        }
    }
    assert_in_range(found, 1, 1 << 16);
}

static atomic_uint torn, strange;

static void *dig_and_find(void *number)
{
    uint64_t me = (uint64_t)(uintptr_t)number;
    uint64_t x = me + 1;
    for (int i = 0; i < TURNS; i++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t address = (x >> 33) % ADDRESSES * BLOCK * THREADS + me * BLOCK + BLOCK;
        struct grave dug = grave_of(address, (uint32_t)(x >> 20)), got;
        grave_dig(&dug);
        if (grave_find(address, &got)) {
            torn += !is_whole(&got);
            strange += got.acquired_stack != dug.acquired_stack;
        }
        if (x >> 63)
            grave_fill(address);
        /* Another's, at any moment. */
        if (grave_find((x >> 40) % ADDRESSES * BLOCK * THREADS + BLOCK, &got))
            torn += !is_whole(&got);
    }
    return NULL;
}

static void threads_tear_nothing(void **state)
{
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, dig_and_find, (void *)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(torn, 0);
    assert_int_equal(strange, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_until_it_is_filled),
        cmocka_unit_test(places_are_taken_over),
        cmocka_unit_test(threads_tear_nothing),
    };
    graves_begin();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
