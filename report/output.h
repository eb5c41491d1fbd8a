/* SPDX-License-Identifier: MIT */
/*
 * --format=F[:PATH], which may repeat: a renderer and where it writes.
 */
#ifndef REPORT_OUTPUT_H
#define REPORT_OUTPUT_H

#include "render.h"

enum { OUTPUTS_MAX = 8 };

struct output {
    const struct renderer *renderer;
    const char *path; /* "-" is stdout */
};

struct output_list {
    struct output items[OUTPUTS_MAX];
    size_t count;
};

/* Returns 0, or -1 after a sentence on stderr. */
int output_add(struct output_list *list, const char *format);

/* The same judgement before there is anything to write: a program is not run,
 * nor asked, for a report that cannot be made. */
int output_check(const char *format);

/* Text on stdout, when nothing else was asked for. */
void output_default(struct output_list *list);

/* NULL after a sentence on stderr. */
FILE *output_open(const struct output *output);
/* Returns 0, or -1 after a sentence on stderr: a full disk is no success. */
int output_close(const struct output *output, FILE *out);

/* Colour is for people: a terminal, and NO_COLOR not set. */
bool output_wants_color(FILE *out);

#endif
