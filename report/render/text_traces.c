/* SPDX-License-Identifier: MIT */
/*
 * The traces that several processes have in common, or that a finding is of.
 */
#include "text_parts.h"

#include <inttypes.h>

#include "../traces.h"

enum { TRACES_TOP = 20, ID_COLUMNS = 32, PROCESSES_NAMED = 8 };

static const char *processes_text(struct text *text, const struct trace *trace)
{
    const char *list = "";
    unsigned named = 0;

    for (const struct trace_part *p = trace->parts; p; p = p->next) {
        const struct process *process = &p->report->model->process;

        if (named++ == PROCESSES_NAMED)
            return pool_format(text->pool, "%s, ...", list);
        list = pool_format(text->pool, "%s%s%s[%u]", list, *list ? ", " : "",
                           process->name ? process->name : "?", process->facts.pid);
    }
    return list;
}

void text_write_traces(struct text *text, const struct traces *traces)
{
    size_t total = HASH_COUNT(traces->table), limit = text_top(text, total, TRACES_TOP), shown = 0;

    if (!total)
        return;
    text_line(text, PAINT_NONE, "%s", "");
    text_line(text, PAINT_BOLD, "traces (%zu)", total);
    text_line(text, PAINT_DIM, "  %-32s %9s %8s %8s %6s  %s", "trace", "processes", "contexts",
              "findings", "held", "in");
    for (const struct trace *t = traces->table; t && shown < limit; t = t->hh.next, shown++)
        text_line(text, PAINT_NONE, "  %s %9u %8" PRIu64 " %8u %6" PRIu64 "  %s",
                  text_cell(text, t->id, ID_COLUMNS), t->processes, t->contexts, t->findings,
                  t->held, processes_text(text, t));
    text_write_rest(text, total, limit);
}
