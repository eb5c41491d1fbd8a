/* SPDX-License-Identifier: MIT */
/*
 * The canonical machine output, schema "ctxtrace.report/1": the document's
 * head (tool, process, health, summary) and its order. The lists are
 * json_lists.c. Change it together with schema/ctxtrace.report-1.schema.json.
 */
#include "json_lists.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../live.h"
#include "../suppress.h"
#include "../words.h"

static void tool_write(struct json *json, const struct report *report)
{
    char format[32];

    snprintf(format, sizeof(format), "%u.%u", report->model->format_major,
             report->model->format_minor);
    json_open(json, "tool", '{');
    json_text(json, "version", CTXTRACE_VERSION);
    json_text(json, "dump_format", format);
    json_text(json, "tracker_version", report->model->process.tool_version);
    json_close(json, '}');
}

static void argv_write(struct json *json, const struct process *process)
{
    const char *word = process->argv ? process->argv : "";
    const char *end = word + process->argv_bytes;

    json_open(json, "argv", '[');
    while (word < end) {
        size_t bytes = strnlen(word, (size_t)(end - word));

        json_bytes(json, NULL, word, bytes);
        word += bytes + 1;
    }
    json_close(json, ']');
}

static void moment_write(struct json *json, const char *key, uint64_t wall_ns)
{
    enum { NS_PER_SECOND = 1000000000, NS_PER_MS = 1000000 };
    time_t seconds = (time_t)(wall_ns / NS_PER_SECOND);
    struct tm tm;
    char day[40], text[56];

    if (!wall_ns || !gmtime_r(&seconds, &tm) ||
        !strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm)) {
        json_null(json, key);
        return;
    }
    snprintf(text, sizeof(text), "%s.%03uZ", day, (unsigned)(wall_ns % NS_PER_SECOND / NS_PER_MS));
    json_text(json, key, text);
}

static void limit_write(struct json *json, const char *key, uint64_t value)
{
    if (value == CTT_NEVER)
        json_null(json, key);
    else
        json_number(json, key, value);
}

static void limits_write(struct json *json, const struct model *model)
{
    const struct limit *limit;

    json_open(json, "limits", '{');
    DL_FOREACH (model->limits, limit) {
        if (!limit->name)
            continue;
        json_open(json, limit->name, '{');
        limit_write(json, "used", limit->used);
        limit_write(json, "soft", limit->soft);
        limit_write(json, "hard", limit->hard);
        json_text(json, "unit", limit->unit);
        json_close(json, '}');
    }
    json_close(json, '}');
}

static void options_write(struct json *json, const struct model *model)
{
    const struct dump_option *option;

    json_open(json, "options", '{');
    DL_FOREACH (model->options, option) {
        if (!option->key || option->origin == CTT_ORIGIN_DEFAULT)
            continue;
        json_open(json, option->key, '{');
        json_text(json, "value", option->value ? option->value : "");
        json_text(json, "origin", origin_word(option->origin));
        json_close(json, '}');
    }
    json_close(json, '}');
}

static void process_write(struct json *json, const struct report *report)
{
    const struct process *process = &report->model->process;
    const struct ctt_process *facts = &process->facts;
    const char *build_id = NULL;

    for (const struct module *m = report->model->modules; m; m = m->hh.next) {
        if (m->flags & CTT_MODULE_EXECUTABLE)
            build_id = m->build_id;
    }
    json_open(json, "process", '{');
    json_number(json, "pid", facts->pid);
    json_number(json, "ppid", facts->ppid);
    json_text(json, "exe", process->exe);
    json_text(json, "name", process->name);
    json_text(json, "build_id", build_id);
    argv_write(json, process);
    json_text(json, "cwd", process->cwd);
    json_text(json, "host", process->host);
    moment_write(json, "start", facts->start_wall_ns);
    moment_write(json, "taken", facts->taken_wall_ns);
    json_seconds(json, "uptime_s", facts->uptime_ns);
    json_number(json, "sequence", facts->sequence);
    json_text(json, "trigger", trigger_word(facts->trigger));
    json_text(json, "cause", process->cause);
    json_number(json, "signal", facts->signal);
    if (facts->trigger == CTT_TRIGGER_EXIT && facts->exit_code >= 0)
        json_signed(json, "exit_code", facts->exit_code);
    else
        json_null(json, "exit_code");
    limits_write(json, report->model);
    options_write(json, report->model);
    json_text(json, "kernel", process->kernel);
    json_text(json, "libc", process->libc);
    json_text(json, "arch", process->arch);
    json_text(json, "trace_id", process->trace_id);
    json_number(json, "tracker_bytes", facts->tracker_bytes);
    json_number(json, "memory_sample_bytes", facts->sample_bytes);
    json_close(json, '}');
}

static void sampling_write(struct json *json, const struct model *model)
{
    char note[64];

    if (!model_is_sampled(model, CTT_KIND_MEMORY))
        return;
    snprintf(note, sizeof(note), "memory sampled: 1 in %" PRIu64 " bytes",
             model->process.facts.sample_bytes);
    json_text(json, NULL, note);
}

static void health_write(struct json *json, const struct report *report)
{
    const struct model *model = report->model;
    const struct blind_spot *spot;
    const struct counter *counter;

    json_open(json, "health", '{');
    json_text(json, "status", health_word(report_health(report)));
    json_open(json, "blind_to", '[');
    DL_FOREACH (model->blind_spots, spot)
        if (spot->kind)
            json_text(json, NULL, spot->kind);
    json_close(json, ']');
    json_open(json, "counters", '{');
    DL_FOREACH (model->counters, counter)
        if (counter->name)
            json_number(json, counter->name, counter->value);
    if (model->strange_records)
        json_number(json, "records_not_understood", model->strange_records);
    json_close(json, '}');
    json_open(json, "notes", '[');
    if (model->fault)
        json_text(json, NULL, reader_fault_sentence(model->fault));
    if (!model->process.known)
        json_text(json, NULL, "the dump says nothing about its process");
    DL_FOREACH (model->blind_spots, spot)
        if (spot->note)
            json_text(json, NULL, spot->note);
    sampling_write(json, model);
    json_close(json, ']');
    json_close(json, '}');
}

static void summary_write(struct json *json, const struct report *report)
{
    struct kind_total totals[KIND_TOTALS_MAX];
    size_t count = kind_totals_make(report, totals);
    struct suppressed_counts suppressed = suppressed_count(report);
    uint64_t ended, clean;

    report_contexts_ended(report, &ended, &clean);
    json_open(json, "summary", '{');
    json_number(json, "findings", report_finding_count(report));
    json_number(json, "errors", report->errors);
    json_number(json, "warnings", report->warnings);
    json_number(json, "notes", report->notes);
    json_number(json, "suppressed", suppressed.groups);
    json_number(json, "suppressed_built_in", suppressed.built_in);
    json_number(json, "ignored", ignored_count(report));
    json_number(json, "contexts_ended", ended);
    json_number(json, "contexts_ended_clean", clean);
    json_open(json, "by_kind", '{');
    for (size_t i = 0; i < count; i++) {
        json_open(json, model_kind_name(report->model, totals[i].kind), '{');
        json_number(json, "live", totals[i].live);
        json_number(json, "held_after_cancel", totals[i].held_after_cancel);
        limit_write(json, "acquired", totals[i].has_sites ? totals[i].acquired : CTT_NEVER);
        limit_write(json, "released", totals[i].has_sites ? totals[i].released : CTT_NEVER);
        json_number(json, "bytes", totals[i].bytes);
        json_write_estimate(json, report, totals[i].kind, &totals[i].estimate);
        json_close(json, '}');
    }
    json_close(json, '}');
    json_close(json, '}');
}

void render_json(const struct report *report, FILE *out)
{
    struct json json = {.out = out};

    for (struct stack *s = report->model->stacks; s; s = s->hh.next)
        s->shown = false;
    json_open(&json, NULL, '{');
    json_text(&json, "schema", "ctxtrace.report/1");
    tool_write(&json, report);
    process_write(&json, report);
    health_write(&json, report);
    json_write_reach(&json, report);
    summary_write(&json, report);
    json_write_contexts(&json, report);
    json_write_tasks(&json, report);
    json_write_traces(&json, report);
    json_write_findings(&json, report);
    json_write_rules(&json, report);
    json_write_live(&json, report);
    json_write_untracked(&json, report);
    json_write_holdings(&json, report);
    json_write_mishaps(&json, report);
    json_write_injections(&json, report);
    json_write_stacks(&json, report);
    json_close(&json, '}');
}
