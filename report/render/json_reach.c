/* SPDX-License-Identifier: MIT */
/*
 * What reaches memory and what nothing does, and what rules hide. See json_lists.h.
 */
#include "json_lists.h"

#include "../suppress.h"
#include "../words.h"

void json_write_reach(struct json *json, const struct report *report)
{
    const struct reach *reach = &report->model->reach;

    if (!reach->known)
        return;
    json_open(json, "reach", '{');
    json_text(json, "state", reach_state_word(reach->facts.state));
    json_text(json, "note", reach->note);
    json_number(json, "threads", reach->facts.threads);
    json_number(json, "threads_unread", reach->facts.threads_unread);
    json_number(json, "blocks", reach->facts.blocks);
    json_number(json, "bytes", reach->facts.bytes);
    json_number(json, "root_bytes", reach->facts.root_bytes);
    json_seconds(json, "time_s", reach->facts.time_ns);
    json_seconds(json, "stopped_s", reach->facts.stopped_ns);
    json_close(json, '}');
}

static void parts_write(struct json *json, uint64_t in_rings, uint64_t parts, uint64_t parts_bytes)
{
    json_number(json, "in_rings", in_rings);
    json_number(json, "parts", parts);
    json_number(json, "parts_bytes", parts_bytes);
}

void json_write_lost(struct json *json, const struct finding *f)
{
    if (!f->lost.count)
        return;
    json_open(json, "lost", '{');
    json_number(json, "count", f->lost.count);
    json_number(json, "bytes", f->lost.bytes);
    parts_write(json, f->lost.in_rings, f->lost.parts, f->lost.parts_bytes);
    json_close(json, '}');
}

void json_write_live_reach(struct json *json, const struct live_row *row)
{
    bool begun = false;

    for (unsigned i = 0; i < REACH_WORDS; i++) {
        const struct live_reach *reach = &row->reach[i];

        if (!reach->count)
            continue;
        if (!begun)
            json_open(json, "reach", '{');
        begun = true;
        json_open(json, reach_word(i), '{');
        json_number(json, "count", reach->count);
        json_number(json, "bytes", reach->bytes);
        if (i == reach_number(CTT_HOLDING_LOST))
            parts_write(json, reach->in_rings, reach->parts, reach->parts_bytes);
        json_close(json, '}');
    }
    if (begun)
        json_close(json, '}');
}

static const char *source_word(enum rule_source source)
{
    static const char *const words[] = {
        [RULE_OF_FILE] = "file",
        [RULE_OF_PROGRAM] = "program",
        [RULE_BUILT_IN] = "built-in",
    };

    return words[source];
}

/* Built-in rules that hide nothing here are not of interest. */
void json_write_rules(struct json *json, const struct report *report)
{
    const struct rule *rule;

    json_open(json, "rules", '[');
    DL_FOREACH (report->rules, rule) {
        if (rule->source == RULE_BUILT_IN && !rule->groups)
            continue;
        json_open(json, NULL, '{');
        json_text(json, "rule", rule->text);
        json_text(json, "place", rule->place);
        json_text(json, "source", source_word(rule->source));
        json_text(json, "state", rule_state_word(rule));
        json_number(json, "groups", rule->groups);
        json_number(json, "count", rule->count);
        json_text(json, "until", rule->until);
        json_text(json, "ticket", rule->ticket);
        json_text(json, "reason", rule->bad ? rule->bad : rule->reason);
        json_close(json, '}');
    }
    json_close(json, ']');
}
