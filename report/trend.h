/* SPDX-License-Identifier: MIT */
/*
 * Whether a row of numbers rises, and how fast: statistics that ask nothing of how the
 * numbers are spread, and that one wild number among them does not turn. Pure; detectors
 * decide what it means.
 */
#ifndef REPORT_TREND_H
#define REPORT_TREND_H

#include <stddef.h>
#include <stdint.h>

enum { TREND_POINTS_MAX = 64 };

struct trend_point {
    double at, value;
};

/*
 * The test of Mann (Econometrica 13, 1945) and Kendall: S, how many pairs rise less how many
 * fall, in the order of the points. Returns the two-sided probability of an S as far from 0
 * without any trend, by the normal approximation with Kendall's correction for ties and the
 * one for continuity; 1 where that says nothing (fewer than 3 points, or all equal).
 */
double trend_mann_kendall(const struct trend_point *points, size_t count, int64_t *ret_s);

/*
 * The line of Theil and Sen: the median of the slopes of all pairs (those at one time left
 * out), and the median of what it leaves at 0. `residual`: the median distance of the points
 * from it, as a share of its rise from the first to the last; 1 where it does not rise or
 * fall. At most TREND_POINTS_MAX points, the first ones; fewer than 2: all 0, residual 1.
 */
struct trend_line {
    double slope, start, residual;
};

struct trend_line trend_theil_sen(const struct trend_point *points, size_t count);

#endif
