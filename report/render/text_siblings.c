/* SPDX-License-Identifier: MIT */
/*
 * Siblings: how many were acquired at the same stack, and how, where and how late
 * those were released that are no finding. Often it is what tells the path that
 * forgot.
 */
#include "text_parts.h"

#include <inttypes.h>
#include <string.h>

#include "../lateness.h"
#include "../project.h"

/* Several stacks that release in the same line are one place. */
struct spot {
    const char *where;
    uint64_t count;
};

static const char *place_of(struct text *text, struct stack *stack)
{
    const struct frame *frame = stack_best_frame(text->report->model, stack);

    return frame ? text_place(text, frame, false) : "-";
}

static size_t spots_make(struct text *text, const struct site *site,
                         struct spot spots[CTT_SITE_PLACES])
{
    size_t count = 0;

    for (size_t i = 0; i < site->place_count; i++) {
        const char *where = place_of(text, site->places[i].stack);
        size_t k = 0;

        while (k < count && strcmp(spots[k].where, where) != 0)
            k++;
        if (k == count)
            spots[count++] = (struct spot){where, 0};
        spots[k].count += site->places[i].count;
    }
    return count;
}

/* " (all at conf.c:88)": what fits into the line itself. */
static const char *spot_phrase(struct text *text, const struct site *site, const struct spot *spots,
                               size_t count)
{
    if (count == 0)
        return site->released_stack
                   ? pool_format(text->pool, " (last at %s)", place_of(text, site->released_stack))
                   : "";
    if (count > 1 || site->elsewhere)
        return "";
    if (spots->count < site->released)
        return pool_format(text->pool, " (%" PRIu64 " at %s)", spots->count, spots->where);
    return pool_format(text->pool, " (%sat %s)", site->released > 1 ? "all " : "", spots->where);
}

static void spots_write(struct text *text, const struct site *site, const struct spot *spots,
                        size_t count)
{
    const char *list = "";

    if (count < 2 && !site->elsewhere)
        return;
    for (size_t i = 0; i < count; i++)
        list = pool_format(text->pool, "%s%s%s (%" PRIu64 ")", list, i ? ", " : "", spots[i].where,
                           spots[i].count);
    if (site->elsewhere)
        list = pool_format(text->pool, "%s%selsewhere (%" PRIu64 ")", list, count ? ", " : "",
                           site->elsewhere);
    text_line(text, PAINT_NONE, "            released at %s", list);
}

static void late_write(struct text *text, const struct site *site)
{
    if (site->late == 1)
        text_line(text, PAINT_NONE, "            1 released %s after its context's end",
                  text_duration(text, site->late_longest_ns));
    else if (site->late)
        text_line(text, PAINT_NONE,
                  "            %" PRIu64 " released after their context's end: by %s at most, %s "
                  "on average",
                  site->late, text_duration(text, site->late_longest_ns),
                  text_duration(text, site->late_mean_ns));
}

/* Of those that came late, what contexts acquired that the program declared. */
static void lateness_write(struct text *text, const struct ctt_late *late)
{
    if (late && late->count)
        text_line(text, PAINT_NONE,
                  "            %" PRIu64
                  " released after a declared context's end: p50 %s, p99 %s, max %s",
                  late->count, text_duration(text, late_quantile(late, 0.5)),
                  text_duration(text, late_quantile(late, 0.99)),
                  text_duration(text, late->longest_ns));
    if (late && late->acquired_after)
        text_line(text, PAINT_NONE,
                  "            %" PRIu64 " acquired after the end of their context, and released",
                  late->acquired_after);
}

void text_write_release_stacks(struct text *text, const struct site *site)
{
    for (size_t i = 0; site && i < site->place_count; i++) {
        text_line(text, PAINT_NONE, "%s", "");
        text_line(text, PAINT_BOLD, "released here: %" PRIu64, site->places[i].count);
        text_write_stack(text, "stack", site->places[i].stack);
    }
}

void text_write_siblings(struct text *text, const char *label, const struct site *site)
{
    struct spot spots[CTT_SITE_PLACES];
    size_t count;

    if (!site)
        return;
    count = spots_make(text, site, spots);
    text_line(text, PAINT_NONE,
              "    %-4s    %" PRIu64 " %sacquired at this stack: %" PRIu64 " released%s, %" PRIu64
              " never",
              label, site->acquired,
              model_is_sampled(text->report->model, site->key.kind) ? "sampled " : "",
              site->released, spot_phrase(text, site, spots, count),
              time_between(site->released, site->acquired));
    spots_write(text, site, spots, count);
    if (!site->lateness || site->lateness->count < site->late)
        late_write(text, site);
    lateness_write(text, site->lateness);
}
