/* SPDX-License-Identifier: MIT */
/*
 * One subject of a dump, in full.
 */
#ifndef REPORT_TEXT_SHOW_H
#define REPORT_TEXT_SHOW_H

#include "../render.h"
#include "../subject.h"

void render_subject(const struct report *report, const struct subject *subject, FILE *out);

#endif
