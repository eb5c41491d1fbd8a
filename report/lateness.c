/* SPDX-License-Identifier: MIT */
/*
 * See lateness.h.
 */
#include "lateness.h"

#include <math.h>
#include <stddef.h>

static uint64_t bucket_begin(size_t bucket)
{
    unsigned log, step;

    if (bucket == 0)
        return 0;
    log = CTT_LATE_LOG + (unsigned)(bucket - 1) / CTT_LATE_STEPS;
    step = (unsigned)(bucket - 1) % CTT_LATE_STEPS;
    return (UINT64_C(1) << log) / CTT_LATE_STEPS * (CTT_LATE_STEPS + step);
}

/* What is longer than all buckets is in the last. */
static uint64_t bucket_end(const struct ctt_late *late, size_t bucket)
{
    uint64_t end = bucket + 1 < CTT_LATE_BUCKETS ? bucket_begin(bucket + 1) : late->longest_ns;

    return end < late->longest_ns ? end : late->longest_ns;
}

uint64_t late_over(const struct ctt_late *late, uint64_t ns)
{
    uint64_t count = 0;

    for (size_t i = 0; i < CTT_LATE_BUCKETS; i++)
        count += bucket_begin(i) >= ns ? late->buckets[i] : 0;
    return count;
}

/* Its own count may disagree with its buckets in a damaged dump: these are believed. */
static double count_of(const struct ctt_late *late)
{
    double count = 0;

    for (size_t i = 0; i < CTT_LATE_BUCKETS; i++)
        count += late->buckets[i];
    return count;
}

uint64_t late_quantile(const struct ctt_late *late, double part)
{
    double rank = ceil(part * count_of(late)), before = 0;

    if (rank < 1)
        rank = 1;
    for (size_t i = 0; i < CTT_LATE_BUCKETS; i++) {
        double count = late->buckets[i];

        if (count > 0 && before + count >= rank) {
            uint64_t begin = bucket_begin(i), end = bucket_end(late, i);
            double width = end > begin ? (double)(end - begin) : 0;

            return begin + (uint64_t)(width * (rank - before) / count);
        }
        before += count;
    }
    return CTT_NEVER;
}

void late_add(struct ctt_late *to, const struct ctt_late *from)
{
    to->count += from->count;
    to->acquired_after += from->acquired_after;
    if (from->longest_ns > to->longest_ns)
        to->longest_ns = from->longest_ns;
    for (size_t i = 0; i < CTT_LATE_BUCKETS; i++)
        to->buckets[i] += from->buckets[i];
}
