/* SPDX-License-Identifier: MIT */
/*
 * The statistics by themselves. What is expected was worked out by hand (S, the variance by
 * Kendall's formula) and by another program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/lateness.h"
#include "report/trend.h"

#define MS  UINT64_C(1000000)
#define SEC UINT64_C(1000000000)

#define COUNT(array)    (sizeof(array) / sizeof((array)[0]))
#define ABOUT(a, b)     assert_float_equal(a, b, 1e-9)
#define WITHIN(a, b, c) assert_in_range(a, b, c)

static void test_mann_kendall(void **state)
{
    static const struct {
        size_t count;
        double values[10];
        int64_t s;
        double p;
    } rows[] = {
        {8, {1, 2, 3, 4, 5, 6, 7, 8}, 28, 0.0008366271311193047},
        {8, {8, 7, 6, 5, 4, 3, 2, 1}, -28, 0.0008366271311193047},
        {8, {1, 1, 1, 1, 1, 1, 1, 1}, 0, 1},
        /* A pair and a triple: (8 * 7 * 21 - 2 * 9 - 3 * 2 * 11) / 18 = 60.67 */
        {8, {1, 2, 2, 3, 3, 3, 4, 5}, 24, 0.003147759855700587},
        {8, {5, 3, 8, 1, 9, 2, 7, 4}, 0, 1},
        {10, {2, 4, 3, 6, 5, 8, 7, 10, 9, 12}, 37, 0.0012821837418053074},
        {5, {1, 2, 3, 4, 5}, 10, 0.027486336111510353},
        {2, {1, 2}, 1, 1},
        {0, {0}, 0, 1},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct trend_point points[10];
        int64_t s = 77;

        for (size_t k = 0; k < rows[i].count; k++)
            points[k] = (struct trend_point){(double)k, rows[i].values[k]};
        ABOUT(trend_mann_kendall(points, rows[i].count, &s), rows[i].p);
        assert_int_equal(s, rows[i].s);
    }
}

static void line_check(const struct trend_point *points, size_t count, double slope, double start,
                       double residual)
{
    struct trend_line line = trend_theil_sen(points, count);

    ABOUT(line.slope, slope);
    ABOUT(line.start, start);
    ABOUT(line.residual, residual);
}

static void test_theil_sen(void **state)
{
    static const struct trend_point straight[] = {{0, 1}, {1, 3}, {2, 5}, {3, 7}};
    static const struct trend_point wild[] = {{0, 0}, {1, 1}, {2, 2}, {3, 100}, {4, 4}};
    static const struct trend_point rough[] = {{0, 0}, {1, 5}, {2, 1}, {3, 6}, {4, 2}, {5, 7}};
    static const struct trend_point together[] = {{0, 4}, {0, 6}, {10, 25}};
    static const struct trend_point flat[] = {{0, 3}, {1, 3}, {2, 3}};
    struct trend_point many[TREND_POINTS_MAX + 5];

    line_check(straight, COUNT(straight), 2, 1, 0);
    line_check(wild, COUNT(wild), 1, 0, 0);
    line_check(rough, COUNT(rough), 0.5, 2.25, 0.9);
    line_check(together, COUNT(together), 2, 5, 0.05);
    line_check(flat, COUNT(flat), 0, 3, 1);
    line_check(straight, 1, 0, 0, 1);
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = (struct trend_point){(double)i, 3 * (double)i};
    line_check(many, COUNT(many), 3, 0, 0);
}

/* ---- late releases ---- */

static void test_late_over(void **state)
{
    struct ctt_late late = {.longest_ns = 3 * SEC};

    late.buckets[0] = 7;
    late.buckets[1] = 5;  /* from 2^20 ns on */
    late.buckets[41] = 3; /* from 2^30 ns on, 1.07 s */
    late.buckets[42] = 2; /* from 1.34 s on */
    assert_int_equal(late_over(&late, 0), 17);
    assert_int_equal(late_over(&late, 1), 10);
    assert_int_equal(late_over(&late, UINT64_C(1) << 20), 10);
    assert_int_equal(late_over(&late, SEC), 5);
    /* Some of the first bucket may not be that late: none of it counts. */
    assert_int_equal(late_over(&late, 1100 * MS), 2);
    assert_int_equal(late_over(&late, 1500 * MS), 0);
    assert_int_equal(late_over(&late, UINT64_MAX), 0);
}

static void test_late_quantile(void **state)
{
    struct ctt_late late = {.count = 0};

    assert_int_equal(late_quantile(&late, 0.5), CTT_NEVER);
    late.buckets[41] = 99; /* 1.07 s to 1.34 s */
    late.buckets[49] = 1;  /* 4.29 s to 5.37 s */
    late.longest_ns = 4500 * MS;
    WITHIN(late_quantile(&late, 0.5), 1180 * MS, 1220 * MS);
    WITHIN(late_quantile(&late, 0.99), 1300 * MS, 1343 * MS);
    assert_int_equal(late_quantile(&late, 1), 4500 * MS);
    WITHIN(late_quantile(&late, 0), 1073 * MS, 1080 * MS);
    /* What is beyond all buckets ends where the longest was. */
    late.buckets[CTT_LATE_BUCKETS - 1] = 1000;
    late.longest_ns = UINT64_MAX / 2;
    WITHIN(late_quantile(&late, 0.99), UINT64_C(1) << 47, UINT64_MAX / 2);
}

static void test_late_add(void **state)
{
    struct ctt_late a = {.count = 2, .longest_ns = 5, .acquired_after = 1};
    struct ctt_late b = {.count = 3, .longest_ns = 4, .acquired_after = 2};

    a.buckets[0] = 2;
    b.buckets[0] = 1;
    b.buckets[9] = 2;
    late_add(&a, &b);
    assert_int_equal(a.count, 5);
    assert_int_equal(a.buckets[0], 3);
    assert_int_equal(a.buckets[9], 2);
    assert_int_equal(a.longest_ns, 5);
    assert_int_equal(a.acquired_after, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mann_kendall), cmocka_unit_test(test_theil_sen),
        cmocka_unit_test(test_late_over),    cmocka_unit_test(test_late_quantile),
        cmocka_unit_test(test_late_add),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
