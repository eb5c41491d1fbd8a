/* SPDX-License-Identifier: MIT */
/*
 * How far the report can be trusted: blind spots, counters of what was
 * dropped, cut stacks, modules without names. Known-unknown, never silently
 * missing.
 */
#include "text_parts.h"

#include <inttypes.h>
#include <string.h>

#include "../words.h"

static bool counter_is_of_loss(const char *name)
{
    size_t length = strlen(name);
    static const char suffix[] = "_dropped";
    const size_t tail = sizeof(suffix) - 1;

    return length > tail && strcmp(name + length - tail, suffix) == 0;
}

/* Counters of work done, not of anything lost: shown with --all. */
static bool counter_is_of_work(const char *name)
{
    static const char *const names[] = {"recipes",        "snapshots",          "waits_resumed",
                                        "early_calls",    "unwind_verified",    "contexts_made",
                                        "contexts_ended", "contexts_reclaimed", "context_sweeps"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static uint64_t events_dropped(const struct model *model)
{
    const struct counter *c;
    uint64_t dropped = 0;

    DL_FOREACH (model->counters, c) {
        if (c->name && counter_is_of_loss(c->name))
            dropped += c->value;
    }
    return dropped;
}

const char *text_coverage(struct text *text)
{
    const struct model *model = text->report->model;
    const struct blind_spot *spot;
    bool sampled = model_is_sampled(model, CTT_KIND_MEMORY);
    const char *blind = "";

    DL_FOREACH (model->blind_spots, spot) {
        if (spot->kind)
            blind = pool_format(text->pool, "%s%s%s", blind, *blind ? ", " : "", spot->kind);
    }
    return pool_format(text->pool, "coverage: %s%s%s%s%s%s, %" PRIu64 " events dropped",
                       health_word(report_health(text->report)), *blind ? " (blind to " : "", blind,
                       *blind ? ")" : "", sampled ? ", memory sampled " : "",
                       sampled ? text_sampling(text, model) : "", events_dropped(model));
}

/* Appends to a line, and writes it out when the next word does not fit. */
static const char *counter_add(struct text *text, const char *line, const char *name,
                               uint64_t value)
{
    const char *word = pool_format(text->pool, "%s %" PRIu64, name, value);

    if (!line)
        return pool_format(text->pool, "counters %s", word);
    if (strlen(line) + strlen(word) + strlen(", ,") <= TEXT_COLUMNS)
        return pool_format(text->pool, "%s, %s", line, word);
    text_line(text, PAINT_NONE, "%s,", line);
    return pool_format(text->pool, "         %s", word);
}

static void counters_write(struct text *text)
{
    const struct model *model = text->report->model;
    const char *line = NULL;
    const struct counter *c;

    DL_FOREACH (model->counters, c) {
        if (c->name && c->value && (text->report->request->all || !counter_is_of_work(c->name)))
            line = counter_add(text, line, c->name, c->value);
    }
    if (model->strange_records)
        line = counter_add(text, line, "records_not_understood", model->strange_records);
    if (line)
        text_line(text, PAINT_NONE, "%s", line);
}

static void cuts_write(struct text *text)
{
    uint64_t cuts[CTT_CUT_COUNT + 1] = {0};

    for (const struct stack *s = text->report->model->stacks; s; s = s->hh.next)
        cuts[s->cut < CTT_CUT_COUNT ? s->cut : CTT_CUT_COUNT]++;
    for (unsigned i = CTT_CUT_NONE + 1; i <= CTT_CUT_COUNT; i++) {
        if (cuts[i])
            text_line(text, PAINT_NONE, "stacks   %" PRIu64 " cut: %s", cuts[i], cut_phrase(i));
    }
}

static void modules_write(struct text *text)
{
    const struct model *model = text->report->model;

    if (!model->symbolizer)
        return;
    for (const struct module *m = model->modules; m; m = m->hh.next) {
        const char *complaint;

        if (!m->shown || !m->in_project || m->number < 0)
            continue;
        complaint = symbolizer_complaint(model->symbolizer, m->number);
        if (complaint)
            text_line(text, PAINT_NONE, "warning  %s: %s%s%s", m->base, complaint,
                      m->build_id ? ", build-id " : "", m->build_id ? m->build_id : "");
    }
}

static void clean_write(struct text *text)
{
    uint64_t ended, clean;

    report_contexts_ended(text->report, &ended, &clean);
    if (clean)
        text_line(text, PAINT_NONE, "clean    %" PRIu64 " context%s ended with nothing held", clean,
                  clean == 1 ? "" : "s");
}

/* The tracker has come to its cap: how far, since the rest is not recorded. */
static void own_memory_write(struct text *text)
{
    const struct limit *l;

    if (!model_counter(text->report->model, "arena_refused"))
        return;
    DL_FOREACH (text->report->model->limits, l)
        if (l->name && strcmp(l->name, "tracker") == 0 && l->soft != CTT_NEVER)
            text_line(text, PAINT_NONE, "memory   the tracker uses %s of %s (max_memory=)",
                      text_bytes(text, l->used), text_bytes(text, l->soft));
}

void text_write_health(struct text *text)
{
    const struct model *model = text->report->model;
    const struct blind_spot *spot;

    text->gap = true;
    clean_write(text);
    if (model->fault)
        text_line(text, PAINT_BAD, "warning  %s", reader_fault_sentence(model->fault));
    if (!model->process.known)
        text_line(text, PAINT_BAD, "warning  the dump says nothing about its process");
    DL_FOREACH (model->blind_spots, spot)
        text_line(text, PAINT_NONE, "coverage %s%s%s", spot->kind ? spot->kind : "",
                  spot->kind && spot->note ? ": " : "", spot->note ? spot->note : "");
    if (model_is_sampled(model, CTT_KIND_MEMORY))
        text_line(text, PAINT_NONE,
                  "coverage memory sampled: %s; ~ is an estimate, +- its standard error",
                  text_sampling(text, model));
    text_write_reach(text);
    own_memory_write(text);
    counters_write(text);
    cuts_write(text);
    modules_write(text);
    text_write_suppressed(text);
}
