/* SPDX-License-Identifier: MIT */
/*
 * The sections of the text report, each in its own file; text.c has their
 * order.
 */
#ifndef REPORT_TEXT_PARTS_H
#define REPORT_TEXT_PARTS_H

#include "text_style.h"

struct task_doing;
struct task_group;
struct task_unit;

void text_write_head(struct text *text);     /* text.c: of which process, when */
void text_write_findings(struct text *text); /* text_findings.c */
/* One block; without a number it stands alone, and names no command to go on with. */
void text_write_finding(struct text *text, unsigned number, const struct finding *f);
/* "fd 31 /etc/orders/routes.conf  file" */
const char *text_holding_title(struct text *text, const struct holding *h);
void text_write_notes(struct text *text);
void text_write_stack(struct text *text, const char *label, struct stack *stack);
/* What became of all that a finding's stack acquired, under a label of 4 letters. NULL:
 * nothing is known. text_siblings.c */
void text_write_siblings(struct text *text, const char *label, const struct site *site);
/* Each of those places by its whole stack. */
void text_write_release_stacks(struct text *text, const struct site *site);

/* text_history.c: what a holding went through; the mishaps that what `stack` acquired
 * came to; contexts from the inmost out. */
void text_write_history(struct text *text, const struct holding *h);
void text_write_mishaps_of(struct text *text, const struct stack *stack);
void text_write_context_chain(struct text *text, const struct context *context);
/* "task 2 (tid 4719 reindex)" */
const char *text_task(struct text *text, uint32_t id);

void text_write_held_now(struct text *text); /* text_live.c */

/* text_contexts.c: the whole tree; of an ordinary report, the part that findings are of. */
void text_write_contexts(struct text *text);
void text_write_blamed_contexts(struct text *text);
const char *text_context_title(struct text *text, const struct context *c); /* "ctx 3 svc" */
/* "cancelled 3s ago after 1.2s, cause: client went away" */
const char *text_context_state(struct text *text, const struct context_node *node);
const char *text_context_holds(struct text *text, const struct context_node *node);

/* text_tasks.c: a line for each of a live snapshot; text_task_dump.c: all of each. */
void text_write_tasks(struct text *text);
void text_write_task_dump(struct text *text);
const char *text_task_id(struct text *text, uint32_t id); /* "task 2", "job 2" */
const char *text_task_unit(struct text *text, const struct task_unit *unit);
const char *text_task_creation(struct text *text, const struct task *task);
/* What all of the group wait for; NULL: nothing. */
const char *text_task_wait(struct text *text, const struct task_group *group,
                           const struct task_doing *doing);

void text_write_live_jobs(struct text *text); /* text_live_jobs.c */

void text_write_untracked(struct text *text);                           /* text_untracked.c */
void text_write_traces(struct text *text, const struct traces *traces); /* text_traces.c */
void text_write_health(struct text *text);                              /* text_health.c */

/* text_reach.c: what of a finding nothing reaches, if so, under "seen"; and how memory
 * was judged. */
bool text_write_lost(struct text *text, const struct finding *f);
void text_write_reach(struct text *text);
/* text_suppressed.c: what is not told, and by which rules; that a finding once was not. */
void text_write_suppressed(struct text *text);
void text_write_lapsed(struct text *text, const struct finding *f);

/* "full, 0 events dropped", "degraded (blind to memory), ..." */
const char *text_coverage(struct text *text);

/* How many of `total` rows to show, --all or not. */
size_t text_top(const struct text *text, size_t total, size_t top);
/* What happened: of a finding whose evidence is a mishap. */
void text_write_mishap(struct text *text, const struct finding *f);
/* Of a limit that was hit: what was held then, in a phrase, and by whom. */
const char *text_limit(struct text *text, const struct mishap *mishap);
void text_write_holders(struct text *text, uint32_t error);
void text_write_injections(struct text *text);
void text_write_injected(struct text *text); /* the heading */
void text_write_rest(struct text *text, size_t total, size_t shown);

#endif
