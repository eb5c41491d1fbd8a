/* SPDX-License-Identifier: MIT */
/*
 * The words for the format's numbers: one table per enum, used by every
 * renderer, so that text and JSON never disagree. A number from a newer
 * tracker gets a word too ("unknown").
 */
#ifndef REPORT_WORDS_H
#define REPORT_WORDS_H

#include <stdint.h>

const char *kind_word(uint32_t kind);
const char *trigger_word(uint32_t trigger);
const char *context_kind_word(uint32_t kind);
const char *state_word(uint32_t state);   /* JSON: "deadline" */
const char *state_phrase(uint32_t state); /* text: "deadline exceeded" */
const char *cut_phrase(uint32_t cut);     /* why a stack ended early */
const char *mishap_word(uint32_t id);
/* What happened, where the detector's sentence says it too generally; else NULL. */
const char *mishap_phrase(uint32_t id);
const char *health_word(uint32_t status);
const char *reach_state_word(uint32_t state);
/* How a holding that was judged by what reaches it is reached, by its flags; REACH_WORDS:
 * it was not. */
enum { REACH_WORDS = 4 };
unsigned reach_number(uint32_t flags);
const char *reach_word(unsigned number);   /* JSON: "lost_part" */
const char *reach_phrase(unsigned number); /* text: "lost with another" */
const char *origin_word(uint32_t origin);

#endif
