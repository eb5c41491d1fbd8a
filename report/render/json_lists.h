/* SPDX-License-Identifier: MIT */
/*
 * The lists of the JSON document. A stack that one of them names is marked
 * shown; json_write_stacks() comes last and writes those.
 */
#ifndef REPORT_JSON_LISTS_H
#define REPORT_JSON_LISTS_H

#include "../live.h"
#include "../render.h"
#include "json_writer.h"

/* "estimate" of a kind that the dump has samples of; nothing of others. */
void json_write_estimate(struct json *json, const struct report *report, uint32_t kind,
                         const struct estimate *estimate);
void json_write_id(struct json *json, const char *key, uint32_t id); /* 0: null */
/* json_contexts.c */
void json_write_contexts(struct json *json, const struct report *report);
void json_write_tasks(struct json *json, const struct report *report);
void json_write_traces(struct json *json, const struct report *report); /* json_traces.c */
void json_write_findings(struct json *json, const struct report *report);
void json_write_live(struct json *json, const struct report *report);
void json_write_untracked(struct json *json, const struct report *report);
void json_write_holdings(struct json *json, const struct report *report);
void json_write_injections(struct json *json, const struct report *report);
void json_write_mishaps(struct json *json, const struct report *report);
void json_write_stacks(struct json *json, const struct report *report);

/* The stack's id, and the stack among those that are written at the end; or null. */
void json_write_stack(struct json *json, const char *key, struct stack *stack);
void json_write_siblings(struct json *json, const struct site *site); /* json_siblings.c */

/* json_evidence.c: nothing where there is none. */
void json_write_evidence(struct json *json, const struct evidence *evidence);

/* json_reach.c: how memory was judged; of a finding, of a row of what is live; and the
 * rules for what is not to be told. Nothing where there is nothing to say. */
void json_write_reach(struct json *json, const struct report *report);
void json_write_lost(struct json *json, const struct finding *f);
void json_write_live_reach(struct json *json, const struct live_row *row);
void json_write_rules(struct json *json, const struct report *report);

#endif
