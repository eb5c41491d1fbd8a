/* SPDX-License-Identifier: MIT */
/*
 * Findings of one place: an unrolled loop, or a function that was inlined twice, has
 * several addresses for one line. To whoever reads it is one thing to mend.
 */
#ifndef REPORT_MERGE_H
#define REPORT_MERGE_H

struct report;

/* Once all findings have their sites, and before rules look at them. */
void findings_merge(struct report *report);

#endif
