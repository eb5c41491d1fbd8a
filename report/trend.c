/* SPDX-License-Identifier: MIT */
/*
 * See trend.h.
 */
#include "trend.h"

#include <math.h>
#include <stdlib.h>

enum { PAIRS_MAX = TREND_POINTS_MAX * (TREND_POINTS_MAX - 1) / 2 };

static int double_order(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

static double median_of(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), double_order);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* The sum over all groups of equal values of t (t - 1) (2 t + 5), with each group counted at
 * its first value. */
static double ties_of(const struct trend_point *points, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++) {
        double same = 1;
        size_t k = 0;

        while (k < i && points[k].value != points[i].value)
            k++;
        if (k < i)
            continue;
        for (k = i + 1; k < count; k++)
            same += points[k].value == points[i].value;
        sum += same * (same - 1) * (2 * same + 5);
    }
    return sum;
}

double trend_mann_kendall(const struct trend_point *points, size_t count, int64_t *ret_s)
{
    double n = (double)count, variance, z;
    int64_t s = 0;

    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; k < count; k++)
            s += (points[k].value > points[i].value) - (points[k].value < points[i].value);
    }
    *ret_s = s;
    variance = (n * (n - 1) * (2 * n + 5) - ties_of(points, count)) / 18;
    if (count < 3 || variance <= 0 || s == 0)
        return 1;
    z = ((double)llabs(s) - 1) / sqrt(variance);
    return erfc(z / sqrt(2));
}

static double slope_of(const struct trend_point *points, size_t count)
{
    double slopes[PAIRS_MAX];
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; k < count; k++) {
            double time = points[k].at - points[i].at;

            if (time != 0)
                slopes[used++] = (points[k].value - points[i].value) / time;
        }
    }
    return used ? median_of(slopes, used) : 0;
}

struct trend_line trend_theil_sen(const struct trend_point *points, size_t count)
{
    struct trend_line line = {.residual = 1};
    double rest[TREND_POINTS_MAX], rise;

    if (count > TREND_POINTS_MAX)
        count = TREND_POINTS_MAX;
    if (count < 2)
        return line;
    line.slope = slope_of(points, count);
    for (size_t i = 0; i < count; i++)
        rest[i] = points[i].value - line.slope * points[i].at;
    line.start = median_of(rest, count);
    rise = fabs(line.slope * (points[count - 1].at - points[0].at));
    for (size_t i = 0; i < count; i++)
        rest[i] = fabs(points[i].value - line.start - line.slope * points[i].at);
    if (rise > 0)
        line.residual = median_of(rest, count) / rise;
    return line;
}
