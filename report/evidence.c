/* SPDX-License-Identifier: MIT */
/*
 * See evidence.h.
 */
#include "evidence.h"

#include <inttypes.h>

#include "report.h"

#define NS_PER_MS     UINT64_C(1000000)
#define NS_PER_SECOND UINT64_C(1000000000)

struct evidence *evidence_new(struct pool *pool, struct finding *finding)
{
    struct evidence *evidence = pool_alloc(pool, sizeof(*evidence)), **end = &finding->evidence;

    while (*end)
        end = &(*end)->next;
    *end = evidence;
    return evidence;
}

void evidence_line(struct evidence *evidence, const char *line)
{
    if (evidence->line_count < EVIDENCE_LINES)
        evidence->lines[evidence->line_count++] = line;
}

static void measure_add(struct evidence *evidence, struct measure measure)
{
    if (evidence->measure_count < EVIDENCE_MEASURES)
        evidence->measures[evidence->measure_count++] = measure;
}

void evidence_count(struct evidence *evidence, const char *name, uint64_t count)
{
    measure_add(evidence, (struct measure){.name = name, .sort = MEASURE_COUNT, .count = count});
}

void evidence_time(struct evidence *evidence, const char *name, uint64_t ns)
{
    measure_add(evidence, (struct measure){.name = name, .sort = MEASURE_TIME, .count = ns});
}

void evidence_fraction(struct evidence *evidence, const char *name, double fraction)
{
    measure_add(evidence,
                (struct measure){.name = name, .sort = MEASURE_FRACTION, .fraction = fraction});
}

void evidence_word(struct evidence *evidence, const char *name, const char *word)
{
    measure_add(evidence, (struct measure){.name = name, .sort = MEASURE_WORD, .word = word});
}

const char *duration_phrase(struct pool *pool, uint64_t ns)
{
    uint64_t s = ns / NS_PER_SECOND, m = s / 60, h = m / 60, d = h / 24;

    if (ns == CTT_NEVER)
        return "-";
    if (ns && ns < NS_PER_MS)
        return pool_format(pool, "0.%" PRIu64 "ms", ns / (NS_PER_MS / 10));
    if (s == 0)
        return pool_format(pool, "%" PRIu64 "ms", ns / NS_PER_MS);
    if (m == 0)
        return pool_format(pool, "%" PRIu64 ".%" PRIu64 "s", s,
                           ns % NS_PER_SECOND / (NS_PER_SECOND / 10));
    if (h == 0)
        return pool_format(pool, "%" PRIu64 "m%02" PRIu64 "s", m, s % 60);
    if (d == 0)
        return pool_format(pool, "%" PRIu64 "h%02" PRIu64 "m", h, m % 60);
    return pool_format(pool, "%" PRIu64 "d%02" PRIu64 "h", d, h % 24);
}
