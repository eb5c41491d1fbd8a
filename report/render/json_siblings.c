/* SPDX-License-Identifier: MIT */
/*
 * What became of a finding's siblings, all that its stack ever acquired. See
 * json_lists.h.
 */
#include "../lateness.h"
#include "json_lists.h"

/* How often where, as far as that is kept: `elsewhere` is of all other places. */
static void places_write(struct json *json, const struct site *site)
{
    json_open(json, "places", '[');
    for (size_t i = 0; i < site->place_count; i++) {
        json_open(json, NULL, '{');
        json_write_stack(json, "stack", site->places[i].stack);
        json_number(json, "count", site->places[i].count);
        json_close(json, '}');
    }
    json_close(json, ']');
    json_number(json, "elsewhere", site->elsewhere);
}

/* Of these, what contexts acquired that the program declared. */
static void declared_write(struct json *json, const struct ctt_late *late)
{
    json_open(json, "declared", '{');
    json_number(json, "count", late->count);
    json_seconds(json, "p50_s", late_quantile(late, 0.5));
    json_seconds(json, "p99_s", late_quantile(late, 0.99));
    json_seconds(json, "longest_s", late->count ? late->longest_ns : CTT_NEVER);
    json_number(json, "acquired_after", late->acquired_after);
    json_close(json, '}');
}

void json_write_siblings(struct json *json, const struct site *site)
{
    if (!site) {
        json_null(json, "siblings");
        return;
    }
    json_open(json, "siblings", '{');
    json_number(json, "acquired", site->acquired);
    json_number(json, "released", site->released);
    json_open(json, "released_at", '[');
    if (site->released_stack)
        json_write_stack(json, NULL, site->released_stack);
    for (size_t i = 0; i < site->place_count; i++) {
        if (site->places[i].stack != site->released_stack)
            json_write_stack(json, NULL, site->places[i].stack);
    }
    json_close(json, ']');
    places_write(json, site);
    json_open(json, "late", '{');
    json_number(json, "count", site->late);
    json_seconds(json, "longest_s", site->late ? site->late_longest_ns : CTT_NEVER);
    json_seconds(json, "mean_s", site->late ? site->late_mean_ns : CTT_NEVER);
    if (site->lateness)
        declared_write(json, site->lateness);
    json_close(json, '}');
    json_close(json, '}');
}
