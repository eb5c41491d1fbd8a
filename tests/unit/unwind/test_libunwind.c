/* SPDX-License-Identifier: MIT */
/* The options verify=unwind and unwind=libunwind: both walk the same stacks. */
#include "unit.h"

#include <stdlib.h>

#include "preload/facts/unwind.h"
#include "preload/facts/unwind_libunwind.h"
#include "preload/ground/health.h"

#define DEPTH 64

static uint64_t ours[DEPTH], theirs[DEPTH];
static size_t ours_count, theirs_count;
static enum ctt_cut ours_cut, theirs_cut;

static int order(const void *a, const void *b)
{
    struct call_site site = CALL_SITE();
    ours_count = unwind_walk_recipes(&site, ours, DEPTH, &ours_cut);
    theirs_count = unwind_walk(&site, theirs, DEPTH, &theirs_cut);
    return *(const int *)a - *(const int *)b;
}

static void walks_agree(void)
{
    int values[] = {3, 1, 2};
    qsort(values, 3, sizeof values[0], order);
    assert_int_equal(ours_cut, CTT_CUT_NONE);
    assert_int_equal(theirs_cut, CTT_CUT_NONE);
    assert_int_equal(ours_count, theirs_count);
    assert_memory_equal(ours, theirs, ours_count * sizeof ours[0]);
}

static void verifies(void **state)
{
    assert_int_equal(unwind_use_libunwind(1), 0);
    walks_agree();
    assert_true(health_counts[HEALTH_unwind_verified] >= 2);
    assert_int_equal(health_counts[HEALTH_unwind_differed], 0);
    assert_null(unwind_difference_get(0));
}

static void replaces(void **state)
{
    assert_int_equal(unwind_use_libunwind(0), 0);
    walks_agree();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(verifies), cmocka_unit_test(replaces)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
