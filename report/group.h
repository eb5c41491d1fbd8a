/* SPDX-License-Identifier: MIT */
/*
 * Many holdings, one finding: what one detector says of one stack, one kind
 * and contexts of one name is one line to read and one thing to mend.
 * Detectors hand their hits in here.
 */
#ifndef REPORT_GROUP_H
#define REPORT_GROUP_H

#include "report.h"

/* Claims the holding: a detector further down the table will not see it. */
void finding_add_holding(struct report *report, const struct detector *detector,
                         struct holding *holding, enum grade grade, enum severity severity);
void finding_add_mishap(struct report *report, const struct detector *detector,
                        struct mishap *mishap, enum severity severity);
/* What has been given back, or is held no longer: `count` of what the site acquired. */
struct finding *finding_add_site(struct report *report, const struct detector *detector,
                                 const struct site *site, uint64_t count, enum grade grade,
                                 enum severity severity);

#endif
