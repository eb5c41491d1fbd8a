/* SPDX-License-Identifier: MIT */
/*
 * What reaches memory, and what nothing does: of one finding, and of how it was looked at.
 */
#include "text_parts.h"

#include <inttypes.h>

static const char *blocks_text(struct text *text, uint64_t count, uint64_t bytes)
{
    return pool_format(text->pool, "%s, %s", text_count(text, count, CTT_KIND_MEMORY),
                       text_bytes(text, bytes));
}

static const char *rings_text(struct text *text, const struct lost *lost)
{
    if (!lost->in_rings)
        return "";
    if (lost->in_rings == lost->count)
        return ", in a ring";
    return pool_format(text->pool, ", %" PRIu64 " in a ring", lost->in_rings);
}

static void lost_write(struct text *text, const struct lost *lost)
{
    const struct ctt_reach *reach = &text->report->model->reach.facts;

    text_line(text, PAINT_NONE, "    seen    nothing reaches %s%s; %u thread%s read%s",
              blocks_text(text, lost->count, lost->bytes), rings_text(text, lost), reach->threads,
              reach->threads == 1 ? " was" : "s were",
              reach->threads_unread
                  ? pool_format(text->pool, ", %u not in full", reach->threads_unread)
                  : "");
    if (lost->parts)
        text_line(text, PAINT_NONE, "            only through %s: %s more",
                  lost->count == 1 ? "it" : "them",
                  blocks_text(text, lost->parts, lost->parts_bytes));
}

/* A stream is on libc's own list all its life; of a directory there is none. */
static bool forgotten_write(struct text *text, const struct finding *f)
{
    uint64_t forgotten = 0;

    for (const struct holding *h = f->holdings; h; h = h->next_in_finding)
        forgotten += h->flags & CTT_HOLDING_LIBC_ONLY ? h->count : 0;
    if (!forgotten)
        return false;
    const char *which =
        f->count > 1 ? pool_format(text->pool, "%" PRIu64 " of %" PRIu64, forgotten, f->count)
                     : "it";
    text_line(text, PAINT_NONE,
              f->kind == CTT_KIND_DIR ? "    seen    nothing refers to %s any more"
                                      : "    seen    only libc's own list still knows %s",
              which);
    return true;
}

bool text_write_lost(struct text *text, const struct finding *f)
{
    if (!f->lost.count)
        return forgotten_write(text, f);
    lost_write(text, &f->lost);
    return true;
}

void text_write_reach(struct text *text)
{
    const struct report *report = text->report;
    const struct reach *reach = &report->model->reach;
    const struct ctt_reach *facts = &reach->facts;
    const char *note = reach->note ? reach->note : "";

    if (!reach->known)
        return;
    if (facts->state == CTT_REACH_NONE) {
        text_line(text, PAINT_NONE, "memory   not judged by what reaches it%s%s", *note ? ": " : "",
                  note);
        return;
    }
    /* Of a living process it was asked for. */
    if (facts->state == CTT_REACH_JUDGED && model_is_end(report->model) &&
        !report_finding_count(report) && !report->settings.verbose && !report->request->all)
        return;
    text_line(text, PAINT_NONE, "memory   judged by what reaches it: %s, %u thread%s read, in %s",
              blocks_text(text, facts->blocks, facts->bytes), facts->threads,
              facts->threads == 1 ? "" : "s", text_duration(text, facts->time_ns));
    if (facts->stopped_ns)
        text_line(text, PAINT_NONE, "         running threads stood still for %s",
                  text_duration(text, facts->stopped_ns));
    if (facts->state != CTT_REACH_JUDGED)
        text_line(text, PAINT_NONE,
                  "         not all could be looked at%s%s: what is lost is but "
                  "noted",
                  *note ? ": " : "", note);
}
