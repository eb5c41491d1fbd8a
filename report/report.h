/* SPDX-License-Identifier: MIT */
/*
 * What one dump comes to: its findings, worst first, and what a renderer may
 * need to show them. Made by report_new() out of a model and a request;
 * renderers only read it.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "evidence.h"
#include "model.h"
#include "rule.h"
#include "settings.h"

enum severity { SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_ERROR };
enum grade { GRADE_HEURISTIC, GRADE_EVIDENCE, GRADE_PROVED };

struct detector;
struct traces;

enum { FINGERPRINT_CHARS = 16 };

/* What of a finding's memory nothing reaches (D17). */
struct lost {
    uint64_t count, bytes;
    uint64_t in_rings;           /* of count */
    uint64_t parts, parts_bytes; /* besides: what is reached only through these */
};

/* Holdings (or mishaps) of one detector, stack, kind and context name. */
struct finding {
    const struct detector *detector;
    enum severity severity;
    enum grade grade;
    uint32_t kind;
    struct stack *stack;
    struct context *context; /* of the first member */
    struct task *task;
    const struct site *site;
    uint64_t count, bytes;
    uint64_t oldest_ns; /* earliest acquisition */
    uint64_t ended_ns;  /* earliest end of a member's context, or CTT_NEVER */
    struct lost lost;
    struct evidence *evidence;
    const char *milder; /* why it is but a note, where that does not show; or NULL */
    struct holding *holdings, *last_holding;
    struct mishap *mishaps, *last_mishap;
    char id[FINGERPRINT_CHARS + 1];
    char similar_id[FINGERPRINT_CHARS + 1]; /* acquiring function + context name */
    bool weak;                              /* the id was made without symbols */
    const struct rule *rule;                /* that hides it; NULL: it is told */
    const struct rule *lapsed;              /* that would hide it, had it not come to its end */
    char *key;
    UT_hash_handle hh;
};

/* What is wanted; the zeroed struct is a plain report. */
struct report_request {
    const char *path;  /* of the dump, for the reader's next command */
    const char *kind;  /* only this kind, by name */
    bool since_mark;   /* only what was acquired after the mark */
    bool all;          /* no "and 312 more" */
    bool tasks;        /* the tasks one by one, also at exit */
    bool contexts;     /* the tree of contexts */
    const char *trace; /* only what belongs to this one (trace.h) */
    bool color;
    const char *overrides[6];      /* "key=value", NULL-terminated */
    const struct report *previous; /* the dump before, of the same process */
    /* What is not to be told (rule.h): by the command line, and by the files that the dump
     * names. Read by whoever may open files. */
    const struct rule_text *rules, *dump_rules;
};

struct report {
    struct model *model;
    const struct report_request *request;
    struct settings settings;
    struct finding *findings;   /* in order of severity, then of count */
    struct finding *suppressed; /* what a rule hides, in the same order; counted nowhere */
    struct rule *rules;
    uint64_t now_ns;
    unsigned errors, warnings, notes;
    /* Of all that are shown together, once that is known; else of none. */
    const struct traces *traces;
};

/* The model stays the caller's and must outlive the report. */
struct report *report_new(struct model *model, const struct report_request *request);
struct report *report_free(struct report *report);

/* Errors and warnings: what "N findings" means everywhere. */
static inline unsigned report_finding_count(const struct report *report)
{
    return report->errors + report->warnings;
}

/* The tracker's own word on its coverage; a dump that is not whole, or without
 * a process, is never better than degraded. */
enum ctt_health_status report_health(const struct report *report);

/* How many contexts have ended, and how many of them hold nothing any more:
 * most of those are not in the dump. */
void report_contexts_ended(const struct report *report, uint64_t *ret_ended, uint64_t *ret_clean);

/* True for what the process itself acquired and is answerable for. */
bool holding_is_own(const struct holding *holding);
/* Held in a context in which everything is meant to be. */
bool holding_is_ignored(const struct holding *holding);

const char *severity_word(enum severity severity);
const char *grade_word(enum grade grade);

#endif
