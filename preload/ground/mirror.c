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
enum { PARTS = 0 STATE_TABLES(X) };
#undef X
enum {
    DIRECTORY_GRANULES = (PARTS * 4 + STATE_GRANULE - 1) / STATE_GRANULE,
    FIRST_FREE = 1 + DIRECTORY_GRANULES,
    GRANULES = FIRST_FREE + PARTS,
    FIRST_MAPPED = 64, /* 4 MiB */
};

_Atomic(char *) mirror_base;
/* All of this process's, each twice as large as the one before; mirror_base is the last. */
#define MAPPINGS 16u
static _Atomic(char *) mappings[MAPPINGS];
static _Atomic bool is_at_end; /* the kernel makes no larger one */
static _Atomic uint32_t used;  /* granules given out */
static _Atomic uint32_t spare; /* one that was given out and not needed */
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

/* How many granules mapping `number` reaches. */
static uint32_t reach_of(uint32_t number)
{
    return FIRST_MAPPED << number;
}

/* The mapping made once more, twice as large. Several threads may do that at once: one's
 * stays. */
static bool map_more(uint32_t number)
{
    char *none = NULL, *smaller = atomic_load(&mappings[number - 1]);
    size_t bytes = reach_of(number) * STATE_GRANULE;
    if (atomic_load(&is_at_end))
        return false;
    long base = ask(SYS_mremap, (long)smaller, 0, (long)bytes, MREMAP_MAYMOVE);
    if (base <= 0) {
        atomic_store(&is_at_end, true);
        return false;
    }
    if (!atomic_compare_exchange_strong(&mappings[number], &none, (char *)base))
        sys_unmap((void *)base, bytes);
    return true;
}

/* Makes mirror_base reach the granule. Nobody waits for anybody: who finds a larger mapping
 * that its maker has not put in place yet does it. One that was ended stays ended. */
static bool map_up_to(uint32_t granule)
{
    for (uint32_t number = 1; granule >= reach_of(number - 1); number++) {
        if (granule >= GRANULES || (!atomic_load(&mappings[number]) && !map_more(number)))
            return false;
        char *smaller = atomic_load(&mappings[number - 1]);
        atomic_compare_exchange_strong(&mirror_base, &smaller, atomic_load(&mappings[number]));
    }
    return true;
}

void mirror_scan(void (*each)(uintptr_t low, uintptr_t high, void *arg), void *arg)
{
    for (uint32_t number = 0; number < MAPPINGS; number++) {
        uintptr_t low = (uintptr_t)atomic_load(&mappings[number]);
        if (low)
            each(low, low + reach_of(number) * STATE_GRANULE, arg);
    }
}

/* One that is nobody's; 0: there is none. */
static uint32_t granule_take(void)
{
    uint32_t granule = atomic_exchange(&spare, 0);
    if (granule)
        return granule;
    granule = atomic_load(&used);
    do {
        if (!map_up_to(granule))
            return 0;
    } while (!atomic_compare_exchange_weak(&used, &granule, granule + 1));
    return granule;
}

/* A granule for this part of a table. False: there is none, counted by who asked. */
static __attribute__((noinline, cold)) bool part_make(uint32_t part)
{
    uint32_t there = atomic_load(&parts[part]);
    uint32_t granule = there ? 0 : granule_take();
    char *base = atomic_load(&mirror_base);
    if (!granule || !base)
        return is_given(there);
    int result = populate(base, granule, 1);
    if (result == -EINTR || result == -EAGAIN)
        return false; /* this time: a granule is lost, and the next row asks again */
    if (!atomic_compare_exchange_strong(&parts[part], &there, result ? PART_REFUSED : granule)) {
        uint32_t none = 0; /* another thread was faster */
        atomic_compare_exchange_strong(&spare, &none, granule);
        return is_given(there);
    }
    if (result == 0)
        atomic_store((_Atomic uint32_t *)(base + STATE_GRANULE) + part, granule);
    return result == 0;
}

/* Of this process nothing is known yet. */
static void reset(void)
{
    for (uint32_t i = 0; i < PARTS; i++)
        atomic_store_explicit(&parts[i], 0, memory_order_relaxed);
    for (uint32_t i = 0; i < MAPPINGS; i++)
        atomic_store(&mappings[i], NULL);
    atomic_store(&spare, 0);
    atomic_store(&is_at_end, false);
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
    atomic_store(&mappings[0], base);
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
    if (!atomic_load(&mappings[0]))
        return;
    for (uint32_t i = 0; i < MAPPINGS && atomic_load(&mappings[i]); i++)
        sys_call(SYS_mmap, (long)atomic_load(&mappings[i]), (long)(reach_of(i) * STATE_GRANULE),
                 PROT_READ | PROT_WRITE, flags, -1, 0);
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
