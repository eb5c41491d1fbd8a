/* SPDX-License-Identifier: MIT */
/*
 * The traces that a process has a part in, with what the other processes that are shown
 * together have of them. See json_lists.h.
 */
#include "json_lists.h"

#include "../traces.h"

static void part_write(struct json *json, const struct trace_part *part)
{
    const struct process *process = &part->report->model->process;

    json_open(json, NULL, '{');
    json_number(json, "pid", process->facts.pid);
    json_text(json, "name", process->name);
    json_text(json, "host", process->host);
    json_number(json, "contexts", part->contexts);
    json_number(json, "findings", part->findings);
    json_number(json, "held", part->held);
    json_close(json, '}');
}

static void trace_write(struct json *json, const struct trace *trace)
{
    json_open(json, NULL, '{');
    json_text(json, "trace_id", trace->id);
    json_number(json, "contexts", trace->contexts);
    json_number(json, "findings", trace->findings);
    json_number(json, "held", trace->held);
    json_open(json, "processes", '[');
    for (const struct trace_part *p = trace->parts; p; p = p->next)
        part_write(json, p);
    json_close(json, ']');
    json_close(json, '}');
}

void json_write_traces(struct json *json, const struct report *report)
{
    const struct traces *traces = report->traces;
    struct traces *own = NULL;

    if (!traces) {
        own = traces_new();
        traces_add(own, report);
        traces_finish(own);
        traces = own;
    }
    json_open(json, "traces", '[');
    for (const struct trace *t = traces->table; t; t = t->hh.next) {
        if (trace_part_of(t, report))
            trace_write(json, t);
    }
    json_close(json, ']');
    traces_free(own);
}
