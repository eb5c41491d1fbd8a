/* SPDX-License-Identifier: MIT */
/*
 * Which contexts belong to a trace: --trace=ID. An id is W3C's (32 hexadecimal digits), or of
 * any other form, such as req-12345.
 */
#ifndef REPORT_TRACE_H
#define REPORT_TRACE_H

#include "report.h"

enum { TRACE_PREFIX_DIGITS = 8 }; /* as many digits name a trace, at least */

/* `wanted` is the whole of it, or the beginning of hexadecimal digits. */
bool trace_matches(const char *id, const char *wanted);

/* Marks as hidden whatever is of no context in such a trace, its own or an ancestor's.
 * Returns how many contexts are of it. */
size_t trace_filter(struct model *model, const char *wanted);

/* Whether anything of this context (NULL: none) is to be told. */
bool report_shows(const struct report *report, const struct context *context);

#endif
