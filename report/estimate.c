/* SPDX-License-Identifier: MIT */
/*
 * See estimate.h.
 */
#include "estimate.h"

#include <math.h>

#include "preload/format.h"

/* Sums of so much still are numbers of 64 bits. */
#define MORE_MOST     1e17
#define VARIANCE_MOST 1e60

static double sane(double number, double most)
{
    return number >= 0 && number <= most ? number : 0;
}

struct estimate estimate_exact(uint64_t count, uint64_t bytes)
{
    return (struct estimate){.recorded = count, .recorded_bytes = bytes};
}

struct estimate estimate_of_group(const struct ctt_group *group)
{
    return (struct estimate){
        .recorded = group->count,
        .recorded_bytes = group->bytes,
        .sampled = group->sampled,
        .more_count = sane(group->more_count, MORE_MOST),
        .more_bytes = sane(group->more_bytes, MORE_MOST),
        .count_variance = sane(group->count_variance, VARIANCE_MOST),
        .bytes_variance = sane(group->bytes_variance, VARIANCE_MOST),
    };
}

void estimate_add(struct estimate *sum, const struct estimate *more)
{
    sum->recorded += more->recorded;
    sum->recorded_bytes += more->recorded_bytes;
    sum->sampled += more->sampled;
    sum->more_count += more->more_count;
    sum->more_bytes += more->more_bytes;
    sum->count_variance += more->count_variance;
    sum->bytes_variance += more->bytes_variance;
}

/* A hundred damaged groups may add up to more than there are numbers. */
static uint64_t whole(double number)
{
    return number < MORE_MOST ? (uint64_t)(number + 0.5) : (uint64_t)MORE_MOST;
}

uint64_t estimate_count(const struct estimate *estimate)
{
    return estimate->recorded + whole(estimate->more_count);
}

uint64_t estimate_bytes(const struct estimate *estimate)
{
    return estimate->recorded_bytes + whole(estimate->more_bytes);
}

double estimate_count_error(const struct estimate *estimate)
{
    return fmin(sqrt(estimate->count_variance), MORE_MOST);
}

double estimate_bytes_error(const struct estimate *estimate)
{
    return fmin(sqrt(estimate->bytes_variance), MORE_MOST);
}

static unsigned percent(double error, double of)
{
    double percent = of > 0 ? 100 * error / of : 0;

    return percent < 999 ? (unsigned)(percent + 0.5) : 999;
}

unsigned estimate_count_percent(const struct estimate *estimate)
{
    return percent(estimate_count_error(estimate),
                   (double)estimate->recorded + estimate->more_count);
}

unsigned estimate_bytes_percent(const struct estimate *estimate)
{
    return percent(estimate_bytes_error(estimate),
                   (double)estimate->recorded_bytes + estimate->more_bytes);
}
