/* SPDX-License-Identifier: MIT */
/*
 * What a histogram of late releases says (struct ctt_late): how many came later than some
 * time, and by how much most of them.
 */
#ifndef REPORT_LATENESS_H
#define REPORT_LATENESS_H

#include "preload/format.h"

/* Later than `ns`, as far as is sure: those of the bucket in which that lies are not. */
uint64_t late_over(const struct ctt_late *late, uint64_t ns);

/* Such that the share `part` of them came no later, about: where in its bucket it lies is
 * taken from how many are before it. CTT_NEVER: there are none. */
uint64_t late_quantile(const struct ctt_late *late, double part);

/* Those of both. */
void late_add(struct ctt_late *to, const struct ctt_late *from);

#endif
