/* SPDX-License-Identifier: MIT */
/*
 * Where calls were made to fail, most failures first as the dump has them.
 */
#include "text_parts.h"

#include <inttypes.h>
#include <string.h>

#include "../project.h"

enum { INJECTIONS_TOP = 20 };

static void injection_write(struct text *text, const struct injection *i)
{
    const char *error = strerrorname_np((int)i->error);
    const struct frame *frame = stack_best_frame(text->report->model, i->stack);

    text_line(text, PAINT_NONE, "  %-16s %-12s %6" PRIu64 " of %-8" PRIu64 " %s %s", i->function,
              error ? error : "?", i->failed, i->calls,
              frame     ? text_function(text, frame)
              : i->site ? i->site
                        : "?",
              frame ? text_place(text, frame, true) : "");
}

void text_write_injections(struct text *text)
{
    const struct injection *i;
    size_t total = 0, shown = 0, limit;

    DL_FOREACH (text->report->model->injections, i)
        total += i->failed != 0;
    if (!total)
        return;
    limit = text_top(text, total, INJECTIONS_TOP);
    text_line(text, PAINT_NONE, "%s", "");
    text_line(text, PAINT_BOLD, "injected faults (failed of called, where)");
    DL_FOREACH (text->report->model->injections, i) {
        if (!i->failed || shown == limit)
            continue;
        injection_write(text, i);
        shown++;
    }
    text_write_rest(text, total, limit);
}

/* Above all else: what follows is of a program that we have changed. */
void text_write_injected(struct text *text)
{
    const struct injection *injection;
    uint64_t failed = 0, places = 0;

    if (!text->report->model->injected)
        return;
    DL_FOREACH (text->report->model->injections, injection) {
        failed += injection->failed;
        places += injection->failed != 0;
    }
    text_line(
        text, PAINT_BOLD, "INJECTED faults: %s (%" PRIu64 " failed, at %" PRIu64 " place%s%s)",
        text->report->model->injected, failed, places, places == 1 ? "" : "s",
        text->report->model->injected_failures > failed ? ", more in other processes of its fork"
                                                        : "");
}
