/* SPDX-License-Identifier: MIT */
/*
 * Findings: one table with a line per group, then a block per group, always
 * with the same headings: what, whose, when, seen, stack, next. What is
 * printed was observed; no cause is guessed.
 */
#include "text_parts.h"

#include <inttypes.h>
#include <string.h>

#include "../detectors/detector.h"
#include "../detectors/rules.h"
#include "../project.h"
#include "../trace.h"
#include "../words.h"

enum {
    FINDINGS_TOP = 20,
    FRAMES_TOP = 16,
    NUMBERS_MAX = 64, /* characters of "fds 32-67" */
    WHOSE_COLUMNS = 36,
    TRACE_CHARS = 16, /* of an id in the table */
};

static const char *best_place(struct text *text, struct stack *stack, bool folder)
{
    const struct frame *frame = stack_best_frame(text->report->model, stack);

    return frame ? text_place(text, frame, folder) : "-";
}

static const char *finding_oldest(struct text *text, const struct finding *f)
{
    return text_age(text, f->ended_ns != CTT_NEVER ? f->ended_ns : f->oldest_ns);
}

/* NULL also where it is the whole process's, which stands at the top. */
static const char *trace_of(struct text *text, const struct context *c)
{
    const char *id = context_trace(c);

    return id == text->report->model->process.trace_id ? NULL : id;
}

/* "req:/v1/orders req-12345 (deadline exceeded)", as much of it as there is room for: of a
 * long id the beginning, of the state one word. */
static const char *whose_cell(struct text *text, const struct context *c)
{
    const char *label = context_label(c) ? context_label(c) : context_kind_word(c->kind);
    const char *id = trace_of(text, c), *whose;

    if (!id)
        return pool_format(text->pool, "%s (%s)", label, state_phrase(c->state));
    if (strlen(id) > TRACE_CHARS)
        id = pool_format(text->pool, "%.*s", TRACE_PREFIX_DIGITS, id);
    whose = pool_format(text->pool, "%s %s (%s)", label, id, state_phrase(c->state));
    if (strlen(whose) <= WHOSE_COLUMNS)
        return whose;
    return pool_format(text->pool, "%s %s (%s)", label, id, state_word(c->state));
}

static void table_row_write(struct text *text, unsigned number, const struct finding *f)
{
    const struct context *c = f->context;
    const char *whose = "-";
    /* What happened is not held. */
    const char *held = f->holdings ? pool_format(text->pool, "%" PRIu64, f->count) : "-";

    if (c && c->kind == CTT_CONTEXT_PROCESS)
        whose = "process";
    else if (c)
        whose = whose_cell(text, c);
    text_line(text, PAINT_NONE, "%3u  %s %5s %10s %8s  %s  %s", number,
              text_cell(text, model_kind_name(text->report->model, f->kind), 8), held,
              text_bytes(text, f->bytes), finding_oldest(text, f),
              text_cell(text, whose, WHOSE_COLUMNS), best_place(text, f->stack, false));
}

/* What only libctx knows. */
static const char *text_declared(struct text *text, const struct holding *h)
{
    size_t count;
    const struct frame *frames = model_frames(text->report->model, h->stack, &count);
    const char *calls = count && frames[0].function ? frames[0].function : "a function";

    if (h->kind != CTT_KIND_CLEANUP)
        return pool_format(text->pool, "%s %" PRIu64 " %s  %s",
                           model_kind_name(text->report->model, h->kind), h->handle,
                           h->name ? h->name : "", h->detail ? h->detail : "");
    return pool_format(text->pool, "%s was to be called%s%s", calls,
                       h->task ? pool_format(text->pool, " by task %u", h->task->id) : "",
                       h->detail && *h->detail ? pool_format(text->pool, ", which is %s", h->detail)
                                               : "");
}

const char *text_holding_title(struct text *text, const struct holding *h)
{
    const char *kind = model_kind_name(text->report->model, h->kind);
    const char *name = h->name ? h->name : "";
    const char *detail = h->detail && strcmp(h->detail, kind) != 0 ? h->detail : "";
    const char *reach = reach_phrase(reach_number(h->flags));

    if (h->grouped && model_is_sampled(text->report->model, h->kind))
        return text_estimate(text, &h->estimate);
    if (h->grouped)
        return pool_format(text->pool, "%s, %s%s%s", text_count(text, h->count, h->kind),
                           text_bytes(text, h->bytes), reach ? ", " : "", reach ? reach : "");
    switch (h->kind) {
    case CTT_KIND_STREAM:
    case CTT_KIND_DIR:
    case CTT_KIND_TIMER:
    case CTT_KIND_MODULE:
    case CTT_KIND_LOCK:
    case CTT_KIND_HANDLE:
    case CTT_KIND_KEY:
    case CTT_KIND_IPC:
    case CTT_KIND_MEMORY:
    case CTT_KIND_MAPPING:
        return pool_format(text->pool, "%s 0x%" PRIx64 " %s  %s", kind, h->handle, name, detail);
    case CTT_KIND_THREAD:
        return pool_format(text->pool, "tid %" PRIu64 " \"%s\"  %s", h->handle, name, detail);
    case CTT_KIND_PROCESS:
        return pool_format(text->pool, "pid %" PRIu64 " %s  %s", h->handle, name, detail);
    case CTT_KIND_CLEANUP:
    case CTT_KIND_TASK:
    case CTT_KIND_CONTEXT:
        return text_declared(text, h);
    default:
        if (h->kind >= CTT_KIND_OWN_FIRST)
            return pool_format(text->pool, "%s 0x%" PRIx64 "  %s", kind, h->handle, name);
        return pool_format(text->pool, "%s %" PRIu64 " %s%s%s  %s", kind, h->handle, name,
                           h->peer ? " to " : "", h->peer ? h->peer : "", detail);
    }
}

/* "fds 32-67, 70": the numbers of all members but the first. */
static const char *numbers_of_rest(struct text *text, const struct finding *f)
{
    char numbers[NUMBERS_MAX] = "";
    size_t used = 0;

    for (const struct holding *h = f->holdings->next_in_finding; h;) {
        uint64_t first = h->handle, last = first;
        int wrote;

        for (h = h->next_in_finding; h && h->handle == last + 1; h = h->next_in_finding)
            last++;
        wrote = snprintf(numbers + used, sizeof(numbers) - used,
                         first == last ? "%s%" PRIu64 : "%s%" PRIu64 "-%" PRIu64, used ? ", " : "",
                         first, last);
        if (wrote < 0 || used + (size_t)wrote >= sizeof(numbers)) {
            numbers[used] = '\0';
            return pool_format(text->pool, "%s, ...", numbers);
        }
        used += (size_t)wrote;
    }
    return pool_format(text->pool, "%s", numbers);
}

static void what_write(struct text *text, const struct finding *f)
{
    const struct holding *h = f->holdings;
    const char *more = "";

    if (!h)
        return;
    if (h->next_in_finding && kind_is_descriptor(h->kind) && h->kind != CTT_KIND_STREAM &&
        h->kind != CTT_KIND_DIR)
        more = pool_format(text->pool, "  (+%" PRIu64 " more: %ss %s)", f->count - h->count,
                           model_kind_name(text->report->model, h->kind), numbers_of_rest(text, f));
    else if (h->next_in_finding)
        more = pool_format(text->pool, "  (+%" PRIu64 " more)", f->count - h->count);
    text_line(text, PAINT_NONE, "    what    %s%s%s", text_holding_title(text, h),
              h->flags & CTT_HOLDING_CLOEXEC ? "  O_CLOEXEC" : "", more);
}

static void whose_write(struct text *text, const struct finding *f)
{
    const struct context *c = f->context;
    const char *trace = trace_of(text, c);
    const struct frame *starter;
    struct text_flow flow = {.text = text, .indent = strlen("    whose ")};
    const char *id = "";

    if (!c)
        return;
    if (c->name && c->kind != CTT_CONTEXT_PROCESS)
        id = pool_format(text->pool, "%s %u ", context_kind_word(c->kind), c->id);
    text_flow_add(&flow,
                  pool_format(text->pool, "    whose   %s%s", id, text_context_path(text, c)));
    if (trace)
        text_flow_add(&flow, pool_format(text->pool, "  trace %s", trace));
    if (c->cause)
        text_flow_add(&flow, pool_format(text->pool, "  cause: %s", c->cause));
    text_flow_end(&flow);
    starter = stack_best_frame(text->report->model, c->created_stack);
    if (starter && c->kind == CTT_CONTEXT_THREAD)
        text_line(text, PAINT_NONE, "            started by %s %s", text_function(text, starter),
                  text_place(text, starter, true));
}

static const char *beginning_word(uint32_t kind)
{
    switch (kind) {
    case CTT_KIND_CONTEXT:
        return "made";
    case CTT_KIND_CLEANUP:
        return "registered";
    case CTT_KIND_TASK:
        return "begun";
    default:
        return "acquired";
    }
}

static void when_write(struct text *text, const struct finding *f)
{
    const char *end = "";

    if (f->mishaps) {
        const struct mishap *m = f->mishaps;

        text_line(text, PAINT_NONE, "    when    %s%s%s, %" PRIu64 " times",
                  text_moment(text, m->first_ns), m->count > 1 ? " to " : "",
                  m->count > 1 ? text_moment(text, m->last_ns) : "", f->count);
        return;
    }
    if (!f->holdings && f->oldest_ns == CTT_NEVER)
        return; /* all of it has been given back */
    if (f->ended_ns != CTT_NEVER && f->context)
        end = pool_format(
            text->pool, f->context->state == CTT_STATE_OK ? ", %s ended %s" : ", %s ended %s (%s)",
            context_kind_word(f->context->kind), text_moment(text, f->ended_ns),
            state_phrase(f->context->state));
    text_line(text, PAINT_NONE, "    when    %s%s %s%s, %s %s", f->count > 1 ? "first " : "",
              beginning_word(f->kind), text_moment(text, f->oldest_ns), end,
              model_is_end(text->report->model) ? "exit" : "snapshot",
              text_moment(text, text->report->now_ns));
}

/* What a detector has measured, under "seen". Whether there is any. */
static bool evidence_write(struct text *text, const struct evidence *evidence)
{
    const char *label = "seen";

    for (; evidence; evidence = evidence->next) {
        for (size_t i = 0; i < evidence->line_count; i++, label = "")
            text_line(text, PAINT_NONE, "    %-4s    %s", label, evidence->lines[i]);
    }
    return !*label;
}

static bool frame_same(const struct frame *a, const struct frame *b)
{
    return a->module == b->module && a->function && a->function == b->function &&
           a->line == b->line;
}

void text_write_stack(struct text *text, const char *label, struct stack *stack)
{
    size_t count, shown = 0, limit, i = 0;
    const struct frame *frames = model_frames(text->report->model, stack, &count);

    if (!stack) {
        text_line(text, PAINT_NONE, "    %-8snot known", label);
        return;
    }
    limit = text_top(text, count, FRAMES_TOP);
    for (; i < count && shown < limit; shown++) {
        const struct frame *f = &frames[i];
        size_t same = 1;
        const char *name = text_function(text, f);

        while (i + same < count && frame_same(f, &frames[i + same]))
            same++;
        if (f->inlined)
            name = pool_format(text->pool, "%s (inlined)", name);
        if (same > 1)
            name = pool_format(text->pool, "%s (%zu times)", name, same);
        text_line(text, PAINT_NONE, "    %-6s%c %s %s", shown ? "" : label,
                  frame_in_project(f) ? '>' : ' ', text_cell(text, name, 38),
                  text_place(text, f, true));
        i += same;
    }
    if (count > i)
        text_line(text, PAINT_DIM, "            and %zu more frames (--all)", count - i);
    if (stack->cut)
        text_line(text, PAINT_DIM, "            (cut here: %s)", cut_phrase(stack->cut));
}

static const char *acquired_label(uint32_t id)
{
    switch (id) {
    case CTT_MISHAP_PASSED_ON:
        return "start";
    case CTT_MISHAP_IGNORED_FD:
    case CTT_MISHAP_IGNORED_POINTER:
    case CTT_MISHAP_IGNORED_COUNT:
    case CTT_MISHAP_IGNORED_THREAD:
        return "failed";
    default:
        return "got at";
    }
}

static void mishap_stacks_write(struct text *text, const struct finding *f)
{
    if (f->mishaps->released_stack)
        text_write_stack(text, "before", f->mishaps->released_stack);
    if (f->mishaps->acquired_stack)
        text_write_stack(text, acquired_label(f->mishaps->id), f->mishaps->acquired_stack);
}

void text_write_finding(struct text *text, unsigned number, const struct finding *f)
{
    const char *kind = model_kind_name(text->report->model, f->kind);
    const char *label = "seen";
    const char *place = number ? pool_format(text->pool, "[%u] ", number) : "";
    const char *head = pool_format(text->pool, "%s%s (%s, %s)  %s x%" PRIu64 "  oldest %s%s", place,
                                   f->detector->name, severity_word(f->severity),
                                   grade_word(f->grade), kind, f->count, finding_oldest(text, f),
                                   f->ended_ns != CTT_NEVER ? " after end" : "");

    text_line(text, PAINT_NONE, "%s", "");
    text_line(text, PAINT_BOLD, "%s %s%s", text_cell(text, head, 78), f->weak ? "weak " : "  id ",
              f->id);
    if (f->mishaps)
        text_write_mishap(text, f);
    else
        what_write(text, f);
    whose_write(text, f);
    when_write(text, f);
    if (evidence_write(text, f->evidence))
        label = "";
    if (text_write_lost(text, f))
        label = "";
    if (f->holdings || f->evidence)
        text_write_siblings(text, label, f->site);
    if (f->milder && f->severity == SEVERITY_NOTE)
        text_line(text, PAINT_NONE, "    note    %s", f->milder);
    text_write_lapsed(text, f);
    if (f->mishaps && f->mishaps->id == CTT_MISHAP_LIMIT)
        text_write_holders(text, f->mishaps->error);
    text_write_stack(text, "stack", f->stack);
    if (f->mishaps)
        mishap_stacks_write(text, f);
    if (number && text->report->request->path)
        text_line(text, PAINT_NONE, "    next    ctxtrace show %.8s %s", f->id,
                  text->report->request->path);
}

void text_write_findings(struct text *text)
{
    size_t total = report_finding_count(text->report), limit = text_top(text, total, FINDINGS_TOP);
    const struct finding *first = text->report->findings;
    unsigned number = 0;

    if (!total)
        return;
    text_line(text, PAINT_NONE, "%s", "");
    text_line(text, PAINT_DIM, "  #  %-8s %5s %10s %8s  %-36s  %s", "kind", "held", "size",
              "oldest", "context (state)", "acquired at");
    for (const struct finding *f = first; f && number < limit; f = f->hh.next)
        table_row_write(text, ++number, f);
    text_write_rest(text, total, limit);
    number = 0;
    for (const struct finding *f = first; f && number < limit; f = f->hh.next)
        text_write_finding(text, ++number, f);
}
