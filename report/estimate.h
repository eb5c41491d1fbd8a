/* SPDX-License-Identifier: MIT */
/*
 * How many blocks, how many bytes: what was recorded, and in a sampled dump what
 * that stands for, with the variance of it (format.h, ctt_group). Sums of exact and
 * sampled parts are made here and rounded once, when all is added up: one block
 * that stands for 1.6 is two, and a thousand of them are 1600.
 */
#ifndef REPORT_ESTIMATE_H
#define REPORT_ESTIMATE_H

#include <stdint.h>

struct ctt_group;

struct estimate {
    uint64_t recorded, recorded_bytes;
    uint64_t sampled; /* of the recorded: those that stand for others */
    double more_count, more_bytes;
    double count_variance, bytes_variance;
};

/* One that is recorded and stands for itself alone. */
struct estimate estimate_exact(uint64_t count, uint64_t bytes);
/* A damaged dump's numbers are none: they count as 0. */
struct estimate estimate_of_group(const struct ctt_group *group);

void estimate_add(struct estimate *sum, const struct estimate *more);

uint64_t estimate_count(const struct estimate *estimate);
uint64_t estimate_bytes(const struct estimate *estimate);

/* Standard errors; and in percent of the estimate, at most 999. */
double estimate_count_error(const struct estimate *estimate);
double estimate_bytes_error(const struct estimate *estimate);
unsigned estimate_count_percent(const struct estimate *estimate);
unsigned estimate_bytes_percent(const struct estimate *estimate);

#endif
