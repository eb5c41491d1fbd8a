/* SPDX-License-Identifier: MIT */
/*
 * See growing.h.
 */
#include "growing.h"

#include <inttypes.h>
#include <string.h>

#define NS_PER_SECOND 1e9

struct growing growing_of(const struct report *report, const struct ctt_series *series)
{
    struct growing growing = {0};

    for (size_t i = 0; series && i < series->count && i < CTT_SERIES_POINTS; i++) {
        const struct ctt_point *point = &series->points[i];
        const struct ctt_point *last = growing.count ? growing.points[growing.count - 1] : NULL;

        if (last && (point->at_ns < last->at_ns || point->acquired < last->acquired))
            return (struct growing){0};
        if (!last || point->at_ns - last->at_ns >= report->settings.growth_ns)
            growing.points[growing.count++] = point;
    }
    return growing;
}

bool growing_is_fresh(const struct report *report, const struct growing *growing)
{
    const struct ctt_point *first, *last;
    uint64_t apart;

    if (growing->count < 2)
        return false;
    first = growing->points[0];
    last = growing->points[growing->count - 1];
    apart = (last->at_ns - first->at_ns) / (growing->count - 1);
    return time_between(last->at_ns, report->now_ns) <= 2 * apart;
}

bool growing_without_release(const struct growing *growing)
{
    enum { SAMPLES = 3 };

    if (growing->count < SAMPLES)
        return false;
    for (size_t i = growing->count - SAMPLES; i + 1 < growing->count; i++) {
        const struct ctt_point *a = growing->points[i], *b = growing->points[i + 1];

        if (b->live <= a->live || b->live - a->live != b->acquired - a->acquired)
            return false;
    }
    return true;
}

size_t growing_points(const struct growing *growing, struct trend_point *ret_points)
{
    for (size_t i = 0; i < growing->count; i++)
        ret_points[i] = (struct trend_point){(double)growing->points[i]->at_ns / NS_PER_SECOND,
                                             (double)growing->points[i]->live};
    return growing->count;
}

bool kind_is_given_back(uint32_t kind)
{
    return kind_is_descriptor(kind) ||
           (kind >= CTT_KIND_OWN_FIRST && kind < CTT_KIND_OWN_FIRST + CTT_KIND_OWN_COUNT);
}

bool stack_is_of_accept(struct model *model, struct stack *stack)
{
    size_t count;
    const struct frame *frames = model_frames(model, stack, &count);

    return count > 0 && frames[0].function && strstr(frames[0].function, "accept");
}

void evidence_descriptors(struct report *report, struct evidence *evidence)
{
    const struct limit *limit = model_limit(report->model, "nofile");

    if (!limit || limit->used == CTT_NEVER || limit->soft == CTT_NEVER)
        return;
    evidence_line(evidence,
                  pool_format(report->model->pool,
                              "%" PRIu64 " of %" PRIu64 " descriptors (RLIMIT_NOFILE) are open",
                              limit->used, limit->soft));
    evidence_count(evidence, "nofile_used", limit->used);
    evidence_count(evidence, "nofile_limit", limit->soft);
}
