/* SPDX-License-Identifier: MIT */
/*
 * What is told of a context beside what every context has: a name and a cause of its own,
 * a trace, a deadline. Only contexts that a program declares have such a note, so it lies
 * apart, by the context's slot; its texts are copies, cut where they are too long.
 *
 * The source of the context writes its note, by one thread at a time. A note outlives its
 * context until the slot has another: a reader asks context_read for the same id
 * afterwards, or holds the sweep back (books/sweep.h).
 */
#ifndef FACTS_CONTEXT_NOTE_H
#define FACTS_CONTEXT_NOTE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define NOTE_NAME_BYTES  64u
#define NOTE_CAUSE_BYTES 256u
#define NOTE_TRACE_BYTES 64u
#define NOTE_SPAN_BYTES  64u
#define NOTE_KEY_BYTES   32u
#define NOTE_VALUE_BYTES 96u

struct context_note {
    _Atomic uint32_t id;          /* whose it is */
    _Atomic uint64_t deadline_ns; /* since the tracker's zero; CTT_NEVER: none */
    _Atomic uint64_t grace_ns;    /* 0: the option's */
    char name[NOTE_NAME_BYTES];
    char cause[NOTE_CAUSE_BYTES];
    char trace_id[NOTE_TRACE_BYTES];
    char span_id[NOTE_SPAN_BYTES];
    char value_key[NOTE_KEY_BYTES]; /* of a value that may be shown, or of a remark */
    char value[NOTE_VALUE_BYTES];
};

/* Empty, for a context that has just been made. NULL: no memory, counted. */
struct context_note *note_new(uint32_t id);
/* NULL: it has none. */
struct context_note *note_of(uint32_t id);

/* Copies `text` (NULL: nothing) up to `bytes` - 1 of it. */
void note_text(char *to, uint32_t bytes, const char *text);

#endif
