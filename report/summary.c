/* SPDX-License-Identifier: MIT */
/*
 * See summary.h. A finding that seventeen workers share is one line here.
 */
#include "summary.h"

#include <inttypes.h>
#include <string.h>

#include "detectors/detector.h"
#include "project.h"
#include "render/text_parts.h"

struct shared {
    const struct report *report; /* of the first that has it */
    const struct finding *finding;
    uint64_t held;
    unsigned processes;
    const struct report *last; /* that it was counted in */
    UT_hash_handle hh;
};

/* Of a series only the last dump speaks. */
static bool dump_is_last(const struct dump *dumps, size_t count, size_t i)
{
    return i + 1 == count || !dump_same_process(&dumps[i], &dumps[i + 1]);
}

static void shared_add(struct shared **table, struct pool *pool, const struct report *report)
{
    for (const struct finding *f = report->findings; f; f = f->hh.next) {
        struct shared *shared;

        if (f->severity == SEVERITY_NOTE)
            continue;
        HASH_FIND_STR(*table, f->id, shared);
        if (!shared) {
            shared = pool_alloc(pool, sizeof(*shared));
            shared->report = report;
            shared->finding = f;
            HASH_ADD_KEYPTR(hh, *table, f->id, FINGERPRINT_CHARS, shared);
        }
        shared->held += f->count;
        shared->processes += shared->last != report;
        shared->last = report;
    }
}

static int shared_order(struct shared *a, struct shared *b)
{
    if (a->processes != b->processes)
        return a->processes < b->processes ? 1 : -1;
    return strcmp(a->finding->id, b->finding->id);
}

static void shared_write(struct text *text, const struct shared *shared)
{
    const struct finding *f = shared->finding;
    struct model *model = shared->report->model;
    const struct frame *frame = stack_best_frame(model, f->stack);

    text_line(text, PAINT_NONE, "  %s  %s %s %6" PRIu64 " %9u  %s", f->id,
              text_cell(text, f->detector->name, 18),
              text_cell(text, model_kind_name(model, f->kind), 8), shared->held, shared->processes,
              frame ? text_function(text, frame) : "-");
}

static void head_write(const struct dump *dumps, size_t count, FILE *out)
{
    struct text text = {.report = dumps[0].report, .pool = pool_new(), .out = out};
    struct shared *table = NULL;
    unsigned processes = 0, guilty = 0;

    for (size_t i = 0; i < count; i++) {
        if (!dump_is_last(dumps, count, i))
            continue;
        processes++;
        guilty += report_finding_count(dumps[i].report) > 0;
        shared_add(&table, text.pool, dumps[i].report);
    }
    text_line(&text, PAINT_BOLD, "%u processes, %u with findings", processes, guilty);
    if (table) {
        HASH_SORT(table, shared_order);
        text_line(&text, PAINT_NONE, "%s", "");
        text_line(&text, PAINT_DIM, "  %-16s  %-18s %-8s %6s %9s  %s", "id", "detector", "kind",
                  "held", "processes", "acquired in");
        for (const struct shared *s = table; s; s = s->hh.next)
            shared_write(&text, s);
    }
    if (dumps[0].report->traces)
        text_write_traces(&text, dumps[0].report->traces);
    text_line(&text, PAINT_NONE, "%s", "");
    HASH_CLEAR(hh, table);
    pool_free(text.pool);
}

static bool series_is_one(const struct dump *dumps, size_t count)
{
    return count < 2 || dump_same_process(&dumps[0], &dumps[count - 1]);
}

static void text_put(const char *chars, bool wanted, FILE *out)
{
    if (chars && wanted)
        fputs(chars, out);
}

void summary_write(const struct dump *dumps, size_t count, bool each,
                   const struct renderer *renderer, FILE *out)
{
    bool is_text = strcmp(renderer->name, "text") == 0;
    bool several = each ? count > 1 : !series_is_one(dumps, count);
    const char *between = NULL;

    if (is_text && several && !each)
        head_write(dumps, count, out);
    if (renderer->begin)
        renderer->begin(out);
    text_put(renderer->before, several, out);
    for (size_t i = 0; i < count; i++) {
        if (!each && !dump_is_last(dumps, count, i))
            continue;
        if (is_text && several && !each && report_finding_count(dumps[i].report) == 0) {
            render_verdict(dumps[i].report, out);
            continue;
        }
        text_put(between, true, out);
        renderer->render(dumps[i].report, out);
        between = renderer->between;
    }
    text_put(renderer->after, several, out);
    text_put(renderer->end, true, out);
}
