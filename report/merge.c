/* SPDX-License-Identifier: MIT */
/*
 * See merge.h.
 */
#include "merge.h"

#include <inttypes.h>
#include <string.h>

#include "detectors/detector.h"
#include "lateness.h"
#include "report.h"

/* What a reader sees of a finding: the first that has this key takes in the others. */
struct seen {
    const char *key;
    struct finding *finding;
    UT_hash_handle hh;
};

/* Without a line the place in the function tells frames apart. */
static const char *frame_words(struct pool *pool, const struct frame *frame)
{
    return pool_format(pool, "%s|%s|%s|%u|%" PRIx64, frame->module ? frame->module->base : "",
                       frame->function ? frame->function : "", frame->file ? frame->file : "",
                       frame->line, frame->line ? 0 : frame->offset);
}

static const char *key_of(const struct report *report, const struct finding *finding)
{
    struct pool *pool = report->model->pool;
    size_t count;
    const struct frame *frames = model_frames(report->model, finding->stack, &count);
    const char *name = context_label(finding->context);
    const char *key =
        pool_format(pool, "%s/%u/%s", finding->detector->name, finding->kind, name ? name : "");

    for (size_t i = 0; i < count; i++)
        key = pool_format(pool, "%s\n%s", key, frame_words(pool, &frames[i]));
    return count ? key : NULL;
}

/* ---- what became of the others of both places ---- */

static void place_add(struct site *site, const struct place *place)
{
    for (size_t i = 0; i < site->place_count; i++) {
        if (site->places[i].stack == place->stack) {
            site->places[i].count += place->count;
            return;
        }
    }
    if (site->place_count < CTT_SITE_PLACES)
        site->places[site->place_count++] = *place;
    else
        site->elsewhere += place->count;
}

static const struct ctt_late *lateness_sum(struct pool *pool, const struct ctt_late *a,
                                           const struct ctt_late *b)
{
    struct ctt_late *sum;

    if (!a || !b)
        return a ? a : b;
    sum = pool_alloc(pool, sizeof(*sum));
    *sum = *a;
    late_add(sum, b);
    return sum;
}

static const struct site *site_sum(struct pool *pool, const struct site *a, const struct site *b)
{
    struct site *sum;

    if (!a || !b)
        return a ? a : b;
    sum = pool_alloc(pool, sizeof(*sum));
    *sum = *a;
    sum->acquired += b->acquired;
    sum->released += b->released;
    sum->acquired_bytes += b->acquired_bytes;
    sum->elsewhere += b->elsewhere;
    if (a->late + b->late)
        sum->late_mean_ns = (uint64_t)(((double)a->late_mean_ns * (double)a->late +
                                        (double)b->late_mean_ns * (double)b->late) /
                                       (double)(a->late + b->late));
    sum->late += b->late;
    sum->lateness = lateness_sum(pool, a->lateness, b->lateness);
    if (b->late_longest_ns > sum->late_longest_ns)
        sum->late_longest_ns = b->late_longest_ns;
    for (size_t i = 0; i < b->place_count; i++)
        place_add(sum, &b->places[i]);
    return sum;
}

/* ---- findings ---- */

static void members_move(struct finding *to, struct finding *from)
{
    for (struct holding *h = from->holdings; h; h = h->next_in_finding)
        h->finding = to;
    if (from->holdings) {
        if (to->last_holding)
            to->last_holding->next_in_finding = from->holdings;
        else
            to->holdings = from->holdings;
        to->last_holding = from->last_holding;
    }
    if (from->mishaps) {
        if (to->last_mishap)
            to->last_mishap->next_in_finding = from->mishaps;
        else
            to->mishaps = from->mishaps;
        to->last_mishap = from->last_mishap;
    }
}

static void evidence_move(struct finding *to, struct finding *from)
{
    struct evidence **end = &to->evidence;

    while (*end)
        end = &(*end)->next;
    *end = from->evidence;
}

static void finding_take_in(struct report *report, struct finding *to, struct finding *from)
{
    members_move(to, from);
    evidence_move(to, from);
    to->count += from->count;
    to->bytes += from->bytes;
    to->lost.count += from->lost.count;
    to->lost.bytes += from->lost.bytes;
    to->lost.in_rings += from->lost.in_rings;
    to->lost.parts += from->lost.parts;
    to->lost.parts_bytes += from->lost.parts_bytes;
    to->severity = from->severity > to->severity ? from->severity : to->severity;
    to->grade = from->grade < to->grade ? from->grade : to->grade;
    to->oldest_ns = from->oldest_ns < to->oldest_ns ? from->oldest_ns : to->oldest_ns;
    to->ended_ns = from->ended_ns < to->ended_ns ? from->ended_ns : to->ended_ns;
    to->site = site_sum(report->model->pool, to->site, from->site);
}

void findings_merge(struct report *report)
{
    struct seen *table = NULL;
    struct finding *finding, *next;

    HASH_ITER(hh, report->findings, finding, next)
    {
        const char *key = key_of(report, finding);
        struct seen *seen = NULL;

        if (!key)
            continue;
        HASH_FIND_STR(table, key, seen);
        if (seen) {
            finding_take_in(report, seen->finding, finding);
            HASH_DEL(report->findings, finding);
            continue;
        }
        seen = pool_alloc(report->model->pool, sizeof(*seen));
        seen->key = key;
        seen->finding = finding;
        HASH_ADD_KEYPTR(hh, table, seen->key, strlen(seen->key), seen);
    }
    HASH_CLEAR(hh, table);
}
