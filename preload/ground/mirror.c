/* SPDX-License-Identifier: MIT */
#include "preload/ground/mirror.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "preload/ground/confine.h"
#include "preload/ground/health.h"
#include "preload/ground/machine.h"
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
enum { PARTS = 0 STATE_TABLES(X) };
#undef X
enum {
    DIRECTORY_GRANULES = (PARTS * 4 + STATE_GRANULE - 1) / STATE_GRANULE,
    FIRST_FREE = 1 + DIRECTORY_GRANULES,
    GRANULES = FIRST_FREE + PARTS,
    FIRST_MAPPED = 64, /* 4 MiB */
    TRIES = 2000,      /* of a pause each: a tenth of a millisecond */
};

#define QUIET_NS UINT64_C(100000000)

_Atomic(char *) mirror_base;
static _Atomic uint32_t mapped; /* granules, at mirror_base or at one that was before it */
static _Atomic uint32_t used;   /* granules given out */
static _Atomic int growing;
static _Atomic bool is_at_end;          /* the mapping cannot be made larger */
static _Atomic uint64_t quiet_until_ns; /* nobody waits for another until then */

/* All of this process's, the present one last. */
#define MAPPINGS_MAX 16u
static struct mapping {
    char *base;
    uint32_t granules;
} mappings[MAPPINGS_MAX];
static _Atomic uint32_t count_of_mappings;
static uint32_t first_parts[STATE_TABLE_COUNT];

/* The directory as the file has it, and PART_REFUSED: not asked for again, since the
 * answer costs a system call, and this may be a free list's every other turn. */
#define PART_REFUSED UINT32_MAX
static _Atomic uint32_t parts[PARTS];

uint64_t mirror_file_bytes(void)
{
    return GRANULES * STATE_GRANULE;
}

uint64_t mirror_first_bytes(void)
{
    return FIRST_MAPPED * STATE_GRANULE;
}

struct state_header *mirror_header(void)
{
    return (struct state_header *)atomic_load(&mirror_base);
}

static inline bool is_given(uint32_t granule)
{
    return granule != 0 && granule != PART_REFUSED;
}

/* ---- granules ---- */

static long ask(long number, long a, long b, long c, long d)
{
    const long arguments[6] = {a, b, c, d};
    if (confined() && confine_refuses(number, arguments))
        return -EPERM;
    return sys_call(number, a, b, c, d, 0, 0);
}

static int populate(char *base, uint32_t granule, uint32_t count)
{
    return (int)ask(SYS_madvise, (long)(base + granule * STATE_GRANULE),
                    (long)(count * STATE_GRANULE), MADV_POPULATE_WRITE, 0);
}

/* Of an attempt to get a granule. */
enum outcome {
    GOT,
    BUSY,    /* another thread is at it: some microseconds */
    REFUSED, /* by the kernel: it would be again */
};

/* Makes the mapping reach the granule. */
static enum outcome map_up_to(uint32_t granule)
{
    int idle = 0;
    if (granule < atomic_load(&mapped))
        return GOT;
    if (granule >= GRANULES || atomic_load(&is_at_end))
        return REFUSED;
    if (!atomic_compare_exchange_strong(&growing, &idle, 1))
        return BUSY;
    char *now = atomic_load(&mirror_base);
    uint32_t count = atomic_load(&count_of_mappings), many = atomic_load(&mapped);
    while (granule >= many)
        many *= 2;
    long base = now && count < MAPPINGS_MAX
                    ? ask(SYS_mremap, (long)now, 0, (long)(many * STATE_GRANULE), MREMAP_MAYMOVE)
                    : -ENOMEM;
    if (base > 0) {
        mappings[count] = (struct mapping){(char *)base, many};
        atomic_store(&count_of_mappings, count + 1);
        /* Unless somebody has ended it meanwhile. */
        atomic_compare_exchange_strong(&mirror_base, &now, (char *)base);
        atomic_store(&mapped, many);
    } else {
        atomic_store(&is_at_end, true);
    }
    atomic_store(&growing, 0);
    return base > 0 ? GOT : REFUSED;
}

/* Puts a granule in the part's place. */
static enum outcome part_try(uint32_t part)
{
    uint32_t none = 0, granule = atomic_load(&used);
    enum outcome outcome = map_up_to(granule);
    if (outcome != GOT)
        return outcome;
    if (!atomic_compare_exchange_strong(&used, &granule, granule + 1))
        return BUSY;
    char *base = atomic_load(&mirror_base);
    int result = base ? populate(base, granule, 1) : -EINTR;
    if (result == -EINTR || result == -EAGAIN)
        return REFUSED; /* this time: a granule is lost, and the next row asks again */
    if (result != 0) {
        atomic_compare_exchange_strong(&parts[part], &none, PART_REFUSED);
        return REFUSED;
    }
    if (atomic_compare_exchange_strong(&parts[part], &none, granule))
        atomic_store((_Atomic uint32_t *)(base + STATE_GRANULE) + part, granule);
    return GOT;
}

/* A granule for this part of a table. False: there is none, counted by who asked. A thread
 * that is at it and does not come to an end (this is a handler that has interrupted it, or
 * one has left it by siglongjmp) is waited for once in a while only. */
static __attribute__((noinline, cold)) bool part_make(uint32_t part)
{
    if (clock_coarse_ns() < atomic_load(&quiet_until_ns))
        return false;
    for (uint32_t tries = 0; tries < TRIES && mirror_is_on(); tries++) {
        uint32_t granule = atomic_load(&parts[part]);
        if (granule != 0)
            return is_given(granule);
        enum outcome outcome = part_try(part);
        if (outcome != BUSY)
            return outcome == GOT && is_given(atomic_load(&parts[part]));
        machine_pause();
    }
    atomic_store(&quiet_until_ns, clock_coarse_ns() + QUIET_NS);
    return false;
}

/* Of this process nothing is known yet. */
static void reset(void)
{
    for (uint32_t i = 0; i < PARTS; i++)
        atomic_store_explicit(&parts[i], 0, memory_order_relaxed);
    atomic_store(&count_of_mappings, 0);
    atomic_store(&growing, 0);
    atomic_store(&is_at_end, false);
    atomic_store(&quiet_until_ns, 0);
}

int mirror_begin(char *base)
{
    int result = populate(base, 0, FIRST_FREE);
    if (result < 0)
        return result;
    reset();
    struct state_header *header = (struct state_header *)base;
    uint32_t first = 0;
    for (uint32_t i = 0; i < STATE_TABLE_COUNT; i++) {
        uint64_t bytes = (uint64_t)sizes[i].rows * sizes[i].row_bytes;
        uint32_t many = (uint32_t)((bytes + STATE_GRANULE - 1) / STATE_GRANULE);
        header->tables[i] =
            (struct state_table_facts){sizes[i].rows, sizes[i].row_bytes, many, first};
        first_parts[i] = first;
        first += many;
    }
    header->directory_at = STATE_GRANULE;
    header->table_count = STATE_TABLE_COUNT;
    mappings[0] = (struct mapping){base, FIRST_MAPPED};
    atomic_store(&count_of_mappings, 1);
    atomic_store(&mapped, FIRST_MAPPED);
    atomic_store(&used, FIRST_FREE);
    atomic_store(&mirror_base, base);
    return 0;
}

void mirror_end(void)
{
    atomic_store(&mirror_base, NULL);
}

/* Memory of its own comes in place of the file's: a mapping that is left would keep that
 * after the parent's end, and where the fork was made in a signal handler the child may
 * come back to a row that is half written. */
void mirror_forked(void)
{
    const int flags = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    atomic_store(&mirror_base, NULL);
    for (uint32_t i = 0; i < atomic_load(&count_of_mappings); i++)
        sys_call(SYS_mmap, (long)mappings[i].base, (long)(mappings[i].granules * STATE_GRANULE),
                 PROT_READ | PROT_WRITE, flags, -1, 0);
    if (atomic_load(&count_of_mappings))
        reset();
}

/* ---- rows ---- */

/* The granules are as many as a table's parts, and a part is whole rows. */
static inline char *row_at(char *base, enum state_table table, uint32_t index, uint32_t granule)
{
    uint64_t in_part = (uint64_t)index * sizes[table].row_bytes % STATE_GRANULE;
    return base + granule * STATE_GRANULE + in_part;
}

static inline uint32_t part_of(enum state_table table, uint32_t index)
{
    return first_parts[table] +
           (uint32_t)((uint64_t)index * sizes[table].row_bytes / STATE_GRANULE);
}

/* The number first, then the base: a granule is given out only once a base reaches it. */
static char *row_find(enum state_table table, uint32_t index)
{
    uint32_t granule = atomic_load_explicit(&parts[part_of(table, index)], memory_order_acquire);
    char *base = atomic_load_explicit(&mirror_base, memory_order_acquire);
    return base && is_given(granule) ? row_at(base, table, index, granule) : NULL;
}

void *mirror_open(enum state_table table, uint32_t index)
{
    bool is_row = index < sizes[table].rows;
    char *row = is_row ? row_find(table, index) : NULL;
    if (__builtin_expect(!row, 0)) {
        if (is_row && mirror_is_on() && part_make(part_of(table, index)))
            row = row_find(table, index);
        if (!row) {
            HEALTH(state_rows_lost);
            return NULL;
        }
    }
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
    char *row = index < sizes[table].rows ? row_find(table, index) : NULL;
    if (row)
        atomic_store_explicit((_Atomic uint32_t *)row, 0, memory_order_release);
}

void mirror_text(char *to, size_t bytes, const char *from)
{
    size_t i = 0;
    for (; from && from[i] && i + 1 < bytes; i++)
        to[i] = from[i];
    to[i] = '\0';
}
