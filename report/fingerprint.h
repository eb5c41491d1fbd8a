/* SPDX-License-Identifier: MIT */
/*
 * The name of a finding that runs, hosts and builds agree on: a hash of kind,
 * detector, the acquiring function and the first three in-project frames as
 * module basename and function name. No addresses, no line numbers. Without
 * symbols there is nothing else than offsets to hash: such an id is weak.
 */
#ifndef REPORT_FINGERPRINT_H
#define REPORT_FINGERPRINT_H

#include "report.h"

/* Fills id, similar_id and weak. */
void fingerprint_make(struct model *model, struct finding *finding);

/* The length of a function's name without what the compiler hung on to it:
 * ".cold", ".part.0", ".constprop.0", ".isra.0", ".llvm.123", " [clone .x]". */
size_t function_stem(const char *function);

#endif
