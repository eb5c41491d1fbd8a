/* SPDX-License-Identifier: MIT */
/*
 * The evidence of a finding. See json_lists.h.
 */
#include "../evidence.h"

#include <stdio.h>

#include "json_lists.h"

static void measure_write(struct json *json, const struct measure *measure)
{
    char name[64];

    switch (measure->sort) {
    case MEASURE_COUNT:
        json_number(json, measure->name, measure->count);
        break;
    case MEASURE_TIME:
        snprintf(name, sizeof(name), "%s_s", measure->name);
        json_seconds(json, name, measure->count);
        break;
    case MEASURE_FRACTION:
        json_real(json, measure->name, measure->fraction);
        break;
    case MEASURE_WORD:
        json_text(json, measure->name, measure->word);
        break;
    }
}

void json_write_evidence(struct json *json, const struct evidence *evidence)
{
    if (!evidence)
        return;
    json_open(json, "evidence", '[');
    for (; evidence; evidence = evidence->next) {
        json_open(json, NULL, '{');
        for (size_t i = 0; i < evidence->measure_count; i++)
            measure_write(json, &evidence->measures[i]);
        json_close(json, '}');
    }
    json_close(json, ']');
}
