/* SPDX-License-Identifier: MIT */
#include "preload/books/holders.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "preload/books/fdtable.h"
#include "preload/books/keytable.h"
#include "preload/books/ledger.h"
#include "preload/books/ranges.h"
#include "preload/ground/sys.h"

#define STACKS_MAX 4096u /* told apart while counting; a power of two */
#define ROWS_MAX   17u   /* the 16 largest, and the rest */

/* ---- counting, one failure at a time ---- */

/* Whoever takes it counts. Who finds it taken leaves the failure to the next one:
 * another thread is at it, or the one that a handler has interrupted. */
static _Atomic int counting;
static struct ctt_holder counted[STACKS_MAX]; /* count 0: free */
static struct ctt_holder rest;

static struct ctt_holder *place_of(uint32_t kind, uint32_t stack)
{
    uint64_t mixed = ((uint64_t)stack << 8 | kind) * UINT64_C(0x9e3779b97f4a7c15);
    for (uint32_t tries = 0; tries < STACKS_MAX; tries++) {
        struct ctt_holder *at = &counted[((mixed >> 40) + tries) & (STACKS_MAX - 1)];
        if (!at->count || (at->kind == kind && at->stack == stack))
            return at;
    }
    return &rest;
}

static void count_in(uint32_t kind, uint32_t stack, uint64_t bytes)
{
    struct ctt_holder *at = place_of(kind, stack);
    at->kind = kind;
    at->stack = stack;
    at->count++;
    at->bytes += bytes;
}

static void count_fds(void)
{
    struct holding_copy holding;
    int limit = fd_limit();
    for (int fd = 0; fd < limit; fd++)
        if (fd_read(fd, &holding))
            count_in(holding.flags & CTT_HOLDING_OWNED ? holding.owner_kind : holding.kind,
                     holding.stack, 0);
}

static void count_task(const struct holding_copy *holding, void *unused)
{
    (void)unused;
    if (holding->kind == CTT_KIND_THREAD || holding->kind == CTT_KIND_PROCESS)
        count_in(holding->kind, holding->stack, holding->bytes);
}

static void count_tasks(void)
{
    key_scan(count_task, NULL);
}

static void count_block(const struct block *block, void *unused)
{
    (void)unused;
    count_in(CTT_KIND_MEMORY, block->stack, block->bytes & ~BLOCK_DRAWN);
}

static void count_mapping(const struct holding_copy *range, void *unused)
{
    (void)unused;
    count_in(CTT_KIND_MAPPING, range->stack, range->bytes);
}

static void count_memory(void)
{
    range_scan(count_mapping, NULL);
    ledger_scan(count_block, NULL);
}

/* ---- sorts of failure ---- */

static struct sort {
    int error;
    void (*count)(void);
    _Atomic int is_noted;
    _Atomic uint32_t rows_used; /* published last */
    struct ctt_holder rows[ROWS_MAX];
} sorts[] = {
    {.error = EMFILE, .count = count_fds},
    {.error = ENFILE, .count = count_fds},
    {.error = EAGAIN, .count = count_tasks},
    {.error = ENOMEM, .count = count_memory},
};
#define SORTS (sizeof sorts / sizeof *sorts)

static struct sort *sort_of(int error)
{
    for (size_t i = 0; i < SORTS; i++)
        if (sorts[i].error == error)
            return &sorts[i];
    return NULL;
}

static bool is_larger(const struct ctt_holder *a, const struct ctt_holder *b)
{
    return a->bytes != b->bytes ? a->bytes > b->bytes : a->count > b->count;
}

static void row_add(struct sort *sort, uint32_t *used, const struct ctt_holder *from, uint64_t now)
{
    struct ctt_holder *row = &sort->rows[(*used)++];
    *row = *from;
    row->error = (uint32_t)sort->error;
    row->at_ns = now;
}

/* Takes the largest out again and again; what remains is the rest. */
static void rows_choose(struct sort *sort)
{
    uint64_t now = clock_since_ns();
    uint32_t used = 0;
    while (used < ROWS_MAX - 1) {
        struct ctt_holder *largest = &counted[0];
        for (uint32_t i = 1; i < STACKS_MAX; i++)
            if (is_larger(&counted[i], largest))
                largest = &counted[i];
        if (!largest->count)
            break;
        row_add(sort, &used, largest, now);
        *largest = (struct ctt_holder){.count = 0};
    }
    for (uint32_t i = 0; i < STACKS_MAX; i++) {
        rest.count += counted[i].count;
        rest.bytes += counted[i].bytes;
    }
    rest.kind = 0;
    rest.stack = 0;
    if (rest.count)
        row_add(sort, &used, &rest, now);
    atomic_store_explicit(&sort->rows_used, used, memory_order_release);
}

void holders_note(int error)
{
    struct sort *sort = sort_of(error);
    int idle = 0;
    if (!sort || atomic_load(&sort->is_noted) ||
        !atomic_compare_exchange_strong(&counting, &idle, 1))
        return;
    if (!atomic_exchange(&sort->is_noted, 1)) {
        memset(counted, 0, sizeof counted);
        rest = (struct ctt_holder){.count = 0};
        sort->count();
        rows_choose(sort);
    }
    atomic_store(&counting, 0);
}

static void count_live(const struct holding_copy *holding, void *arg)
{
    if (holding->kind == CTT_KIND_THREAD || holding->kind == CTT_KIND_PROCESS)
        ++*(uint64_t *)arg;
}

uint64_t holders_live(int error)
{
    uint64_t count = 0;
    const struct sort *sort = sort_of(error);
    if (sort && sort->count == count_fds)
        return fd_live();
    if (sort && sort->count == count_tasks)
        key_scan(count_live, &count);
    return count;
}

bool holders_read(uint32_t i, struct ctt_holder *ret_row)
{
    for (size_t s = 0; s < SORTS; s++) {
        uint32_t used = atomic_load_explicit(&sorts[s].rows_used, memory_order_acquire);
        if (i < used) {
            *ret_row = sorts[s].rows[i];
            return true;
        }
        i -= used;
    }
    return false;
}

void holders_forget(void)
{
    atomic_store(&counting, 0);
    for (size_t s = 0; s < SORTS; s++) {
        atomic_store(&sorts[s].is_noted, 0);
        atomic_store(&sorts[s].rows_used, 0);
    }
}
