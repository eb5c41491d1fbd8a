/* SPDX-License-Identifier: MIT */
/*
 * How many holdings of one kind one stack has: for detectors that speak only
 * from a number on.
 */
#ifndef REPORT_TALLY_H
#define REPORT_TALLY_H

#include "rules.h"

struct tally;

typedef bool holding_test(const struct report *report, const struct holding *holding);

/* Counts the holdings that pass, by stack and kind, and modules one by one: a place that
 * loads many libraries once holds none of them too often. */
struct tally *tally_new(const struct report *report, holding_test *test);
/* Each context's by themselves. */
struct tally *tally_new_by_context(const struct report *report, holding_test *test);
struct tally *tally_free(struct tally *tally);
uint64_t tally_count(const struct tally *tally, const struct holding *holding);

#endif
