/* SPDX-License-Identifier: MIT */
/*
 * What the two halves of loading share: model_load.c (what is linked) and
 * model_load_facts.c (what is not).
 */
#ifndef REPORT_MODEL_LOAD_H
#define REPORT_MODEL_LOAD_H

#include "model.h"

struct text {
    uint32_t id;
    size_t bytes;
    char *chars;
    UT_hash_handle hh;
};

struct load {
    struct model *model;
    struct text *texts;
    const struct reader_record *record; /* the one at hand */
};

/* NULL: id 0, or a text that the dump does not have. */
const struct text *text_find(const struct load *load, uint32_t id);
const char *text_of(const struct load *load, uint32_t id);

/* One per record type; `fixed` is its struct, complete. */
void model_load_process(struct load *load, const void *fixed);
void model_load_reach(struct load *load, const void *fixed);
void model_load_option(struct load *load, const void *fixed);
void model_load_limit(struct load *load, const void *fixed);
void model_load_kind(struct load *load, const void *fixed);
void model_load_counter(struct load *load, const void *fixed);
void model_load_health(struct load *load, const void *fixed);

/* NULL: none of that id yet. */
struct stack *stack_of(const struct load *load, uint32_t id);
/* model_load_sites.c */
void model_load_site(struct load *load, const void *fixed);
void model_load_holder(struct load *load, const void *fixed);
void model_load_late(struct load *load, const void *fixed);
void model_load_series(struct load *load, const void *fixed);
/* Once all records are read: to each site what became of it in time. */
void model_link_sites(struct model *model);

#endif
