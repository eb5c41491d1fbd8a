/* SPDX-License-Identifier: MIT */
/*
 * What is made once for the whole process, by whoever comes first, is not of the context that
 * was active then: what is acquired below pthread_once (a key, a log, a table), and the keys of
 * libraries, which may have a way of their own to be the first.
 */
#ifndef REPORT_MADE_ONCE_H
#define REPORT_MADE_ONCE_H

#include "rules.h"

bool holding_is_made_once(struct model *model, const struct holding *holding);

#endif
