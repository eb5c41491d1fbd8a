/* SPDX-License-Identifier: MIT */
/*
 * See tally.h.
 */
#include "tally.h"

#include <stdlib.h>

struct tally_key {
    struct site_key site;
    uint64_t library; /* 0 for what is no module */
    uint64_t context; /* 0: of all */
};

struct tally_row {
    struct tally_key key;
    uint64_t count;
    UT_hash_handle hh;
};

struct tally {
    bool by_context;
    struct tally_row *rows;
};

static struct tally_key key_of(const struct tally *tally, const struct holding *holding)
{
    return (struct tally_key){{holding->stack->id, holding->kind},
                              holding->kind == CTT_KIND_MODULE ? holding->handle : 0,
                              tally->by_context && holding->context ? holding->context->id : 0};
}

static struct tally *tally_make(const struct report *report, holding_test *test, bool by_context)
{
    struct tally *tally = xalloc(sizeof(*tally));
    struct holding *holding;

    tally->by_context = by_context;
    DL_FOREACH (report->model->holdings, holding) {
        struct tally_row *row;
        struct tally_key key;

        if (!holding->stack || !test(report, holding))
            continue;
        key = key_of(tally, holding);
        HASH_FIND(hh, tally->rows, &key, sizeof(key), row);
        if (!row) {
            row = pool_alloc(report->model->pool, sizeof(*row));
            row->key = key;
            HASH_ADD(hh, tally->rows, key, sizeof(row->key), row);
        }
        row->count += holding->count;
    }
    return tally;
}

struct tally *tally_new(const struct report *report, holding_test *test)
{
    return tally_make(report, test, false);
}

struct tally *tally_new_by_context(const struct report *report, holding_test *test)
{
    return tally_make(report, test, true);
}

struct tally *tally_free(struct tally *tally)
{
    if (tally)
        HASH_CLEAR(hh, tally->rows);
    free(tally);
    return NULL;
}

uint64_t tally_count(const struct tally *tally, const struct holding *holding)
{
    struct tally_row *row;
    struct tally_key key;

    if (!holding->stack)
        return 0;
    key = key_of(tally, holding);
    HASH_FIND(hh, tally->rows, &key, sizeof(key), row);
    return row ? row->count : 0;
}
