/* SPDX-License-Identifier: MIT */
/*
 * A renderer: one file in render/ and one row of the table in
 * render/table.c. It shows a report and decides nothing.
 */
#ifndef REPORT_RENDER_H
#define REPORT_RENDER_H

#include <stdio.h>

#include "report.h"

struct renderer {
    const char *name; /* of --format= */
    void (*render)(const struct report *report, FILE *out);
    /* What every output begins and ends with; NULL: nothing. */
    void (*begin)(FILE *out);
    const char *end;
    /* What stands around and between several reports in one output; NULL: nothing. */
    const char *before, *between, *after;
};

void render_text(const struct report *report, FILE *out);
void render_json(const struct report *report, FILE *out);
void render_dot(const struct report *report, FILE *out);
void begin_dot(FILE *out);
void render_mermaid(const struct report *report, FILE *out);
void begin_mermaid(FILE *out);

/* NULL: no such format. */
const struct renderer *renderer_find(const char *name, size_t length);

/* "text, json": for messages and --help. */
const char *renderer_names(void);

/* The verdict alone, with a line end; at exit it may be all there is. */
void render_verdict(const struct report *report, FILE *out);

#endif
