/* SPDX-License-Identifier: MIT */
/*
 * The evidence of a finding, in numbers: lines for a person, and the same by name for
 * programs. A detector makes it once; the renderers write it as it stands. What shows
 * anyhow (counts, times, siblings) is no part of it.
 */
#ifndef REPORT_EVIDENCE_H
#define REPORT_EVIDENCE_H

#include <stddef.h>
#include <stdint.h>

struct finding;
struct pool;

enum { EVIDENCE_LINES = 3, EVIDENCE_MEASURES = 12 };

enum measure_sort { MEASURE_COUNT, MEASURE_TIME, MEASURE_FRACTION, MEASURE_WORD };

struct measure {
    const char *name;
    enum measure_sort sort;
    uint64_t count; /* of a time: nanoseconds */
    double fraction;
    const char *word;
};

/* One for each of the places that were merged into the finding. */
struct evidence {
    const char *lines[EVIDENCE_LINES];
    size_t line_count;
    struct measure measures[EVIDENCE_MEASURES];
    size_t measure_count;
    struct evidence *next;
};

/* Added to the finding; texts live as long as the pool, or for ever. What is beyond the
 * room for it is left out. */
struct evidence *evidence_new(struct pool *pool, struct finding *finding);
void evidence_line(struct evidence *evidence, const char *line);
void evidence_count(struct evidence *evidence, const char *name, uint64_t count);
void evidence_time(struct evidence *evidence, const char *name, uint64_t ns); /* "..._s" */
void evidence_fraction(struct evidence *evidence, const char *name, double fraction);
void evidence_word(struct evidence *evidence, const char *name, const char *word);

/* "1.3s", "2h05m"; "-" for CTT_NEVER. */
const char *duration_phrase(struct pool *pool, uint64_t ns);

#endif
