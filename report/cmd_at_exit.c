/* SPDX-License-Identifier: MIT */
/*
 * `ctxtrace at-exit FILE`: what a plain LD_PRELOAD run prints when a traced
 * process ends. Started by the tracker, writes to fd 2, and is silent when
 * there is nothing to say: silence is a result. The rule is detectors.md,
 * "What a plain LD_PRELOAD run prints".
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "detectors/detector.h"
#include "dump.h"
#include "live.h"
#include "output.h"
#include "project.h"
#include "render/text_parts.h"
#include "render/text_style.h"

enum { HELD_LINES_TOP = 3 };

static bool finding_is_held(const struct finding *finding)
{
    return finding->severity == SEVERITY_NOTE &&
           strcmp(finding->detector->name, "held-at-exit") == 0;
}

/* Memory that looks lost where not all could be looked at: no finding, but not silence. */
static bool finding_is_doubtful(const struct report *report, const struct finding *finding)
{
    return finding->severity == SEVERITY_NOTE && finding->lost.count &&
           report->model->reach.facts.state == CTT_REACH_DOUBTFUL &&
           stack_is_of_project(report->model, finding->stack);
}

static bool finding_speaks(const struct report *report, const struct finding *finding)
{
    if (finding_is_doubtful(report, finding))
        return report->settings.held_rule != HELD_NONE;
    if (!finding_is_held(finding))
        return false;
    switch (report->settings.held_rule) {
    case HELD_ALL:
        return true;
    case HELD_NONE:
        return false;
    default:
        return stack_is_of_project(report->model, finding->stack);
    }
}

/* "1 fd, 1 stream": by kind, in the order of the kinds' numbers; of what is held, or of
 * what looks lost. */
static const char *held_counts(struct text *text, bool doubtful)
{
    struct kind_counts counts = {0};

    for (const struct finding *f = text->report->findings; f; f = f->hh.next) {
        if (finding_speaks(text->report, f) && finding_is_doubtful(text->report, f) == doubtful)
            kind_counts_add(&counts, f->kind, f->count);
    }
    return text_counts(text, &counts);
}

static void held_line_write(struct text *text, const struct finding *f)
{
    const struct holding *h = f->holdings;
    const struct frame *frame = stack_best_frame(text->report->model, f->stack);
    const char *name = h && h->name ? h->name : "";
    const char *where = "";

    if (frame)
        where = pool_format(text->pool, "%s %s", text_cell(text, text_function(text, frame), 24),
                            text_place(text, frame, true));
    text_line(text, PAINT_NONE, "  %s %s  %s",
              text_cell(text, text_count(text, f->count, f->kind), 10), text_cell(text, name, 34),
              where);
}

/* Returns true when it said something. */
static bool held_write(struct text *text)
{
    const char *held = held_counts(text, false), *lost = held_counts(text, true);
    const struct process *process = &text->report->model->process;
    size_t shown = 0, total = 0;

    if (!*held && !*lost)
        return false;
    text_write_injected(text);
    text_line(text, PAINT_BOLD, "verdict: 0 findings; %s%s%s%s%s   (%s[%u])", held,
              *held ? " still held at exit" : "", *held && *lost ? "; " : "", lost,
              *lost ? " may be lost" : "", process->name ? process->name : "?", process->facts.pid);
    if (*lost && text->report->model->reach.note)
        text_line(text, PAINT_NONE, "  not sure: %s", text->report->model->reach.note);
    for (const struct finding *f = text->report->findings; f; f = f->hh.next) {
        if (!finding_speaks(text->report, f) || total++ >= HELD_LINES_TOP)
            continue;
        held_line_write(text, f);
        shown++;
    }
    if (total > shown)
        text_line(text, PAINT_NONE, "  and %zu more stacks", total - shown);
    /* Without dir= the tracker removes a dump that has no findings. */
    if (*text->report->settings.dir)
        text_line(text, PAINT_NONE, "  ctxtrace report %s", text->report->request->path);
    return true;
}

static int report_speak(const struct report *report, FILE *out)
{
    struct text text = {.report = report, .out = out};
    bool spoke;

    if (report_finding_count(report)) {
        renderer_find("text", strlen("text"))->render(report, out);
        return STATUS_FINDINGS;
    }
    text.pool = pool_new();
    spoke = held_write(&text);
    pool_free(text.pool);
    if (spoke)
        return STATUS_HELD;
    if (report->settings.verbose || report_health(report) == CTT_HEALTH_INCONCLUSIVE)
        render_verdict(report, out);
    return STATUS_OK;
}

static bool color_wanted(const struct settings *settings, FILE *out)
{
    if (strcmp(settings->color, "always") == 0)
        return true;
    return strcmp(settings->color, "never") != 0 && output_wants_color(out);
}

int cmd_at_exit(int argc, char **argv)
{
    struct dump dump;
    FILE *out;
    int status;

    if (argc != 2) {
        fputs("usage: ctxtrace at-exit FILE\n", stderr);
        return STATUS_USAGE;
    }
    if (dump_open(&dump, argv[1], NULL) < 0)
        return dump.status;
    /* One write for all of it: other processes write to this stderr too. */
    out = fdopen(STDERR_FILENO, "w");
    if (!out)
        return STATUS_INTERNAL;
    setvbuf(out, NULL, _IOFBF, BUFSIZ * 8);
    dump_judge(&dump);
    dump.request.color = color_wanted(&dump.report->settings, out);
    status = report_speak(dump.report, out);
    fflush(out);
    dump_close(&dump);
    return status;
}
