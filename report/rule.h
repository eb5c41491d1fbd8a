/* SPDX-License-Identifier: MIT */
/*
 * One line that says what is not to be told, and what it means.
 *
 *   leak:PATTERN            memory, by any frame of where it was acquired: as
 *                           LeakSanitizer has it, whose files can be used as they are
 *   held:KIND:PATTERN       what is held of one kind ("*": any), by the same
 *   created-by:PATTERN      threads and children, by who made them
 *   thread:top:PATTERN      threads, by the function that they were last seen in
 *   context:PATTERN         what is held in contexts of that name
 *
 * A PATTERN is a part of a function's, a source file's or a module's name; "*" in it is
 * anything, "^" in front and "$" behind it are the name's ends. Words behind it narrow the
 * rule: module=PATTERN is of the same frame, max=N hides no more than N holdings, at
 * until=YYYY-MM-DD it ends, ticket=TEXT says where it is being dealt with. "#" begins a
 * comment line.
 *
 * The lines may be anybody's: whatever they are, reading them is harmless.
 */
#ifndef REPORT_RULE_H
#define REPORT_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool.h"
#include "tables.h"

/* Where rules come from, in the order in which they are tried. */
enum rule_source { RULE_OF_FILE, RULE_OF_PROGRAM, RULE_BUILT_IN };

enum rule_sort { RULE_LEAK, RULE_HELD, RULE_CREATED_BY, RULE_THREAD_TOP, RULE_CONTEXT };

struct rule {
    enum rule_source source;
    enum rule_sort sort;
    const char *text;  /* the line as it was written */
    const char *place; /* "supp.txt:3" */
    const char *bad;   /* why it is no rule: it hides nothing; else NULL */
    const char *kind;  /* RULE_HELD; NULL: any */
    const char *pattern;
    const char *module; /* a pattern, or NULL */
    const char *until;  /* the last day, or NULL */
    uint64_t ends_ns;   /* by the wall clock; UINT64_MAX: never */
    uint64_t most;      /* UINT64_MAX: as many as there are */
    const char *ticket;
    const char *reason; /* RULE_BUILT_IN: what is kept there */
    /* What it has come to in one report. */
    unsigned groups; /* findings hidden; or, of a rule that has lapsed, that it would have */
    uint64_t count;  /* holdings in these */
    bool expired, exceeded;
    struct rule *prev, *next;
};

/* A file's worth of lines. */
struct rule_text {
    enum rule_source source;
    const char *name; /* for `place` */
    const char *bytes;
    size_t size;
    struct rule_text *prev, *next;
};

/* Appends a rule for each line that is neither blank nor a comment, bad ones included.
 * Returns how many of them are bad. */
unsigned rules_read(struct pool *pool, struct rule **list, const struct rule_text *text);

/* `text` may be NULL, which nothing matches. */
bool pattern_matches(const char *pattern, const char *text);

/* A rule that no longer hides anything, by its own word. */
static inline bool rule_has_lapsed(const struct rule *rule)
{
    return rule->expired || rule->exceeded;
}

/* "used", "unused", "expired", "exceeded" or "bad". */
const char *rule_state_word(const struct rule *rule);

#endif
