/* SPDX-License-Identifier: MIT */
/*
 * How the text report writes: lines of at most 100 columns, cells of a fixed
 * width, times and sizes for people. Every text from a dump passes through
 * here and loses its control characters: a file name must not be able to
 * paint on somebody's terminal.
 */
#ifndef REPORT_TEXT_STYLE_H
#define REPORT_TEXT_STYLE_H

#include "../render.h"

enum { TEXT_COLUMNS = 100 };

enum paint { PAINT_NONE, PAINT_BOLD, PAINT_BAD, PAINT_GOOD, PAINT_DIM };

struct kind_counts;

struct text {
    const struct report *report;
    struct pool *pool;
    FILE *out;
    bool gap; /* an empty line before the next one, if there is one */
};

/* One line, cleaned and clipped. */
void text_line(struct text *text, enum paint paint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Words with two blanks between them, after a comma one; as many to a line as there is room
 * for. */
struct text_flow {
    struct text *text;
    enum paint paint; /* of the first line */
    unsigned indent;  /* of those after it */
    const char *line; /* not yet written; NULL: none */
};
void text_flow_add(struct text_flow *flow, const char *word); /* "": nothing */
void text_flow_end(struct text_flow *flow);

/* Cleaned, clipped to and padded to `width` columns. NULL is "-". */
const char *text_cell(struct text *text, const char *chars, unsigned width);

/* "412ms", "2.5s", "21m04s", "2h11m", "3d04h". */
const char *text_duration(struct text *text, uint64_t ns);
const char *text_moment(struct text *text, uint64_t ns); /* "+0.41s" */
const char *text_age(struct text *text, uint64_t since_ns);
const char *text_bytes(struct text *text, uint64_t bytes);                /* "8.0 MiB" */
const char *text_count(struct text *text, uint64_t count, uint32_t kind); /* "2 streams" */
/* "1 fd, 2 streams", in the order of the kinds' numbers. */
const char *text_counts(struct text *text, const struct kind_counts *counts);

/* Of a sampled dump: "1 in 512.0 KiB"; and "~1240 memory blocks +-8%, ~1.2 MiB +-3%,
 * from 81 recorded". */
const char *text_sampling(struct text *text, const struct model *model);
const char *text_estimate(struct text *text, const struct estimate *estimate);

/* "conf.c:57", with `folder` "src/conf.c:57"; else module, or module+offset. */
const char *text_place(struct text *text, const struct frame *frame, bool folder);
/* The function's name without its arguments, shortened when long; "?" when
 * unknown. */
const char *text_function(struct text *text, const struct frame *frame);
/* "load_conf conf.c:57 < handle_request:30": the best frame and its caller. */
const char *text_where(struct text *text, struct model *model, struct stack *stack);

/* "req:/v1/orders < svc < process" */
const char *text_context_path(struct text *text, const struct context *context);

#endif
