/* SPDX-License-Identifier: MIT */
#include "preload/ground/mirror.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "preload/ground/confine.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

static const struct {
    uint32_t rows, row_bytes;
} sizes[STATE_TABLE_COUNT] = {
#define X(name, rows, row) {rows, sizeof(struct row)},
    STATE_TABLES(X)
#undef X
};

#define X(name, rows, row)                                                                         \
    +(((uint64_t)(rows) * sizeof(struct row) + STATE_GRANULE - 1) / STATE_GRANULE)
enum { GRANULES = 1 STATE_TABLES(X) };
#undef X

/* Parts of the file of STATE_GRANULE bytes. */
enum granule { GRANULE_UNASKED, GRANULE_THERE, GRANULE_REFUSED };
static _Atomic uint8_t granules[GRANULES];

_Atomic(char *) mirror_base;
static uint64_t offsets[STATE_TABLE_COUNT];

uint64_t mirror_layout(struct state_table_facts ret_tables[STATE_TABLE_COUNT])
{
    uint64_t offset = STATE_GRANULE;
    for (uint32_t i = 0; i < STATE_TABLE_COUNT; i++) {
        uint64_t bytes = (uint64_t)sizes[i].rows * sizes[i].row_bytes;
        ret_tables[i] = (struct state_table_facts){offset, sizes[i].rows, sizes[i].row_bytes};
        offset += (bytes + STATE_GRANULE - 1) / STATE_GRANULE * STATE_GRANULE;
    }
    return offset;
}

/* ---- memory for a part ---- */

static int populate(char *base, uint64_t granule)
{
    const long arguments[6] = {(long)(base + granule * STATE_GRANULE), (long)STATE_GRANULE,
                               MADV_POPULATE_WRITE};
    if (confined() && confine_refuses(SYS_madvise, arguments))
        return -EPERM;
    return (int)sys_call(SYS_madvise, arguments[0], arguments[1], arguments[2], 0, 0, 0);
}

/* A part that was refused once is not asked for again: the answer costs a system call,
 * and this may be a free list's every other turn. */
static __attribute__((noinline, cold)) bool granule_make(char *base, uint64_t granule)
{
    if (atomic_load_explicit(&granules[granule], memory_order_relaxed) == GRANULE_REFUSED) {
        HEALTH(state_rows_lost);
        return false;
    }
    int result = populate(base, granule);
    if (result == -EINTR || result == -EAGAIN) {
        HEALTH(state_rows_lost);
        return false;
    }
    atomic_store(&granules[granule], result == 0 ? GRANULE_THERE : GRANULE_REFUSED);
    if (result != 0)
        HEALTH(state_rows_lost);
    return result == 0;
}

int mirror_begin(char *base)
{
    struct state_table_facts tables[STATE_TABLE_COUNT];
    mirror_layout(tables);
    for (uint32_t i = 0; i < STATE_TABLE_COUNT; i++)
        offsets[i] = tables[i].offset;
    int result = populate(base, 0);
    if (result < 0)
        return result;
    atomic_store(&granules[0], GRANULE_THERE);
    atomic_store(&mirror_base, base);
    return 0;
}

void mirror_end(void)
{
    atomic_store(&mirror_base, NULL);
}

void mirror_forked(void)
{
    char *base = atomic_exchange(&mirror_base, NULL);
    if (base)
        sys_unmap(base, GRANULES * STATE_GRANULE);
    for (uint32_t i = 0; i < GRANULES; i++)
        atomic_store_explicit(&granules[i], GRANULE_UNASKED, memory_order_relaxed);
}

/* ---- rows ---- */

static inline char *row_at(char *base, enum state_table table, uint32_t index,
                           uint64_t *ret_granule)
{
    uint64_t offset = offsets[table] + (uint64_t)index * sizes[table].row_bytes;
    *ret_granule = offset / STATE_GRANULE;
    return base + offset;
}

static inline bool is_there(uint64_t granule)
{
    return atomic_load_explicit(&granules[granule], memory_order_relaxed) == GRANULE_THERE;
}

void *mirror_open(enum state_table table, uint32_t index)
{
    char *base = atomic_load_explicit(&mirror_base, memory_order_relaxed);
    uint64_t granule;
    if (!base)
        return NULL;
    if (index >= sizes[table].rows) {
        HEALTH(state_rows_lost);
        return NULL;
    }
    char *row = row_at(base, table, index, &granule);
    if (!is_there(granule) && !granule_make(base, granule))
        return NULL;
    atomic_store_explicit((_Atomic uint32_t *)row, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    return row;
}

void mirror_close(void *row, uint32_t live)
{
    atomic_store_explicit((_Atomic uint32_t *)row, live, memory_order_release);
}

void mirror_clear(enum state_table table, uint32_t index)
{
    char *base = atomic_load_explicit(&mirror_base, memory_order_relaxed);
    uint64_t granule;
    if (!base || index >= sizes[table].rows)
        return;
    char *row = row_at(base, table, index, &granule);
    if (is_there(granule))
        atomic_store_explicit((_Atomic uint32_t *)row, 0, memory_order_release);
}

void mirror_text(char *to, size_t bytes, const char *from)
{
    size_t i = 0;
    for (; from && from[i] && i + 1 < bytes; i++)
        to[i] = from[i];
    to[i] = '\0';
}
