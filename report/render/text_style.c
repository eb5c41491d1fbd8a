/* SPDX-License-Identifier: MIT */
/*
 * See text_style.h.
 */
#include "../project.h"
#include "text_style.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../live.h"
#include "../utf8.h"
#include "../words.h"

enum { PATH_STEPS = 4 }; /* of a context's ancestors shown */

#define NS_PER_SECOND UINT64_C(1000000000)

static const char *const paints[] = {
    [PAINT_BOLD] = "\033[1m",
    [PAINT_BAD] = "\033[1;31m",
    [PAINT_GOOD] = "\033[32m",
    [PAINT_DIM] = "\033[2m",
};

/* Cleans `chars` into `ret_line` and returns its width, `width` at most; an
 * ellipsis stands for what did not fit. */
static unsigned chars_clean(const char *chars, unsigned width, char *ret_line)
{
    static const char ellipsis[] = "…";
    size_t bytes = strlen(chars);
    unsigned columns = 0;
    char *to = ret_line, *last = ret_line;

    while (bytes) {
        size_t length = utf8_length(chars, bytes);
        unsigned char c = (unsigned char)*chars;

        if (columns == width) {
            memcpy(last, ellipsis, sizeof(ellipsis));
            return columns;
        }
        last = to;
        if (length == 0 || c < ' ' || c == 0x7f)
            *to++ = '?';
        else
            to = (char *)memcpy(to, chars, length) + length;
        columns++;
        chars += length ? length : 1;
        bytes -= length ? length : 1;
    }
    *to = '\0';
    return columns;
}

/* Room for `width` characters of the longest kind, an ellipsis and the end. */
static size_t clean_room(unsigned width)
{
    return ((size_t)width + 1) * 4 + 1;
}

static char *line_trim(char *line)
{
    size_t length = strlen(line);

    while (length && line[length - 1] == ' ')
        line[--length] = '\0';
    return line;
}

void text_line(struct text *text, enum paint paint, const char *format, ...)
{
    char line[(TEXT_COLUMNS + 1) * 4 + 1];
    bool color = text->report->request->color && paint != PAINT_NONE;
    va_list args;
    char *chars;

    va_start(args, format);
    if (vasprintf(&chars, format, args) < 0)
        memory_exhausted();
    va_end(args);
    chars_clean(line_trim(chars), TEXT_COLUMNS, line);
    free(chars);
    if (text->gap)
        fputc('\n', text->out);
    text->gap = false;
    fprintf(text->out, "%s%s%s\n", color ? paints[paint] : "", line, color ? "\033[0m" : "");
}

void text_flow_end(struct text_flow *flow)
{
    if (flow->line)
        text_line(flow->text, flow->paint, "%s", flow->line);
    flow->line = NULL;
    flow->paint = PAINT_NONE;
}

void text_flow_add(struct text_flow *flow, const char *word)
{
    const char *line = flow->line;
    const char *gap = line && *line && line[strlen(line) - 1] == ',' ? " " : "  ";
    struct pool *pool = flow->text->pool;

    if (!*word)
        return;
    if (!line) {
        flow->line = word;
    } else if (strlen(line) + strlen(gap) + strlen(word) <= TEXT_COLUMNS) {
        flow->line = pool_format(pool, "%s%s%s", line, gap, word);
    } else {
        text_flow_end(flow);
        flow->line = pool_format(pool, "%*s%s", (int)flow->indent, "", word);
    }
}

const char *text_cell(struct text *text, const char *chars, unsigned width)
{
    char *cell = pool_alloc(text->pool, clean_room(width) + width);
    unsigned columns = chars_clean(chars ? chars : "-", width, cell);
    size_t length = strlen(cell);

    memset(cell + length, ' ', width - columns);
    return cell;
}

const char *text_duration(struct text *text, uint64_t ns)
{
    return duration_phrase(text->pool, ns);
}

const char *text_moment(struct text *text, uint64_t ns)
{
    if (ns == CTT_NEVER)
        return "at an unknown time";
    if (ns < 60 * NS_PER_SECOND)
        return pool_format(text->pool, "+%" PRIu64 ".%02" PRIu64 "s", ns / NS_PER_SECOND,
                           ns % NS_PER_SECOND / (NS_PER_SECOND / 100));
    return pool_format(text->pool, "+%s", text_duration(text, ns));
}

const char *text_age(struct text *text, uint64_t since_ns)
{
    if (since_ns == CTT_NEVER)
        return "-";
    return text_duration(text, time_between(since_ns, text->report->now_ns));
}

const char *text_bytes(struct text *text, uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double size = (double)bytes;
    int unit = -1;

    if (bytes == 0)
        return "-";
    while (size >= 1024 && unit < 5) {
        size /= 1024;
        unit++;
    }
    if (unit < 0)
        return pool_format(text->pool, "%" PRIu64 " B", bytes);
    return pool_format(text->pool, "%.1f %s", size, units[unit]);
}

const char *text_count(struct text *text, uint64_t count, uint32_t kind)
{
    static const struct {
        uint32_t kind;
        const char *one, *many;
    } names[] = {
        {CTT_KIND_MEMORY, "memory block", "memory blocks"},
        {CTT_KIND_PROCESS, "child process", "child processes"},
    };
    const char *name = model_kind_name(text->report->model, kind);

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].kind == kind)
            return pool_format(text->pool, "%" PRIu64 " %s", count,
                               count == 1 ? names[i].one : names[i].many);
    }
    return pool_format(text->pool, "%" PRIu64 " %s%s", count, name, count == 1 ? "" : "s");
}

const char *text_counts(struct text *text, const struct kind_counts *counts)
{
    const char *list = "";

    for (unsigned i = 0; i < KIND_TOTALS_MAX; i++) {
        if (counts->count[i])
            list = pool_format(text->pool, "%s%s%s", list, *list ? ", " : "",
                               text_count(text, counts->count[i], counts->kind[i]));
    }
    return list;
}

const char *text_sampling(struct text *text, const struct model *model)
{
    return pool_format(text->pool, "1 in %s", text_bytes(text, model->process.facts.sample_bytes));
}

const char *text_estimate(struct text *text, const struct estimate *estimate)
{
    return pool_format(text->pool, "~%s +-%u%%, ~%s +-%u%%, from %" PRIu64 " recorded",
                       text_count(text, estimate_count(estimate), CTT_KIND_MEMORY),
                       estimate_count_percent(estimate), text_bytes(text, estimate_bytes(estimate)),
                       estimate_bytes_percent(estimate), estimate->recorded);
}

/* The last component of a path, or the last two. */
static const char *path_tail(const char *path, bool folder)
{
    const char *tail = strrchr(path, '/');

    if (!tail)
        return path;
    if (!folder)
        return tail + 1;
    while (tail > path && tail[-1] != '/')
        tail--;
    return tail;
}

const char *text_place(struct text *text, const struct frame *frame, bool folder)
{
    /* Nobody mends libc: its name says more than a line of its sources. */
    if (frame->function && frame->module && module_is_runtime(frame->module))
        return frame->module->base;
    if (frame->file && frame->line)
        return pool_format(text->pool, "%s:%u", path_tail(frame->file, folder), frame->line);
    if (frame->file)
        return path_tail(frame->file, folder);
    if (!frame->module)
        return pool_format(text->pool, "0x%" PRIx64, frame->offset);
    if (frame->function)
        return frame->module->base;
    return pool_format(text->pool, "%s+0x%" PRIx64, frame->module->base, frame->address);
}

static const char *context_title(struct text *text, const struct context *context)
{
    if (context->kind == CTT_CONTEXT_PROCESS)
        return "process";
    if (context->name)
        return context->name;
    return pool_format(text->pool, "%s %u", context_kind_word(context->kind), context->id);
}

const char *text_context_path(struct text *text, const struct context *context)
{
    const char *path;

    if (!context)
        return "unknown";
    path = context_title(text, context);
    for (int step = 1; context->parent; step++) {
        context = context->parent;
        if (step == PATH_STEPS)
            return pool_format(text->pool, "%s < ...", path);
        path = pool_format(text->pool, "%s < %s", path, context_title(text, context));
    }
    return path;
}
