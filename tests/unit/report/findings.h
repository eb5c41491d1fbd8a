/* SPDX-License-Identifier: MIT */
/* What the detectors say of a dump that a test has built. */
#ifndef TESTS_FINDINGS_H
#define TESTS_FINDINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "dump_builder.h"

/* Fails unless the findings are "detector severity grade count; ..." in their order. `b` is
 * finished, and freed. Returns how many of its records the reader took for strange. */
uint64_t findings_check(struct dump_builder *b, bool all, const char *what, const char *expected);

#endif
