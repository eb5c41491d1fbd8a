/* SPDX-License-Identifier: MIT */
/*
 * How long tasks wait until somebody is at work on them, by name: the first sign that there are
 * too few workers, or too many threads. A row is taken by the first task of a name, and kept;
 * rows are only counted up after that, without locks. Delays are kept by powers of two: what is
 * told of them is at most twice what it was.
 */
#include "preload/ctx/internal.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 64
#define POWERS    48 /* of a nanosecond: up to three days */

struct delays {
    _Atomic(char *) name; /* NULL: free, as are all that follow */
    _Atomic int64_t waiting_threads, waiting_tasks;
    _Atomic uint64_t max_ns;
    _Atomic uint64_t by_power[POWERS];
};
static struct delays rows[NAMES_MAX];

/* Of two who take the same row one finds the other's name there, which may be another. */
static bool row_take(struct delays *row, const char *name)
{
    char *none = NULL;
    libctx_tell_own_begin();
    char *copy = strdup(name);
    libctx_tell_own_end();
    bool is_taken = copy && atomic_compare_exchange_strong(&row->name, &none, copy);
    if (!is_taken)
        free(copy);
    return is_taken || (none && strcmp(none, name) == 0);
}

struct delays *libctx_delays_of(const char *name)
{
    for (struct delays *row = rows; row < rows + NAMES_MAX; row++) {
        const char *its_name = atomic_load_explicit(&row->name, memory_order_acquire);
        if (its_name ? strcmp(its_name, name) == 0 : row_take(row, name))
            return row;
    }
    libctx_count(CTXTRACE_COUNT_TASK_NAMES_DROPPED);
    return NULL;
}

static void change(_Atomic int64_t *waiting, int64_t by)
{
    atomic_fetch_add_explicit(waiting, by, memory_order_relaxed);
}

void libctx_delay_begin(struct delays *delays, bool is_thread)
{
    if (delays)
        change(is_thread ? &delays->waiting_threads : &delays->waiting_tasks, 1);
}

void libctx_delay_drop(struct delays *delays, bool is_thread)
{
    if (delays)
        change(is_thread ? &delays->waiting_threads : &delays->waiting_tasks, -1);
}

static unsigned power_of(uint64_t ns)
{
    unsigned power = ns ? 64u - (unsigned)__builtin_clzll(ns) : 0;
    return power < POWERS ? power : POWERS - 1;
}

void libctx_delay_end(struct delays *delays, bool is_thread, uint64_t begun_ns)
{
    if (!delays)
        return;
    uint64_t ns = libctx_now() - begun_ns, max_ns = atomic_load(&delays->max_ns);
    while (ns > max_ns && !atomic_compare_exchange_weak(&delays->max_ns, &max_ns, ns))
        ;
    atomic_fetch_add_explicit(&delays->by_power[power_of(ns)], 1, memory_order_relaxed);
    libctx_delay_drop(delays, is_thread);
}

void libctx_delays_forked(void)
{
    for (struct delays *row = rows; row < rows + NAMES_MAX; row++)
        atomic_store(&row->waiting_threads, 0);
}

/* ---- what is told ---- */

/* What so many in a hundred did not exceed. */
static uint64_t percentile(const uint64_t *by_power, uint64_t count, uint64_t percent,
                           uint64_t max_ns)
{
    uint64_t wanted = (count * percent + 99) / 100, seen = 0;
    unsigned power = 0;
    while (power < POWERS - 1 && (seen += by_power[power]) < wanted)
        power++;
    uint64_t limit_ns = (UINT64_C(1) << power) - 1;
    return limit_ns < max_ns && power < POWERS - 1 ? limit_ns : max_ns;
}

static uint64_t positive(int64_t number)
{
    return number > 0 ? (uint64_t)number : 0;
}

int ctxtrace_task_delays_sized(unsigned index, struct ctxtrace_task_delay *ret_delay, size_t size)
{
    struct delays *row = index < NAMES_MAX ? &rows[index] : NULL;
    const char *name = row ? atomic_load(&row->name) : NULL;
    uint64_t by_power[POWERS], count = 0;
    if (!name)
        return 0;
    for (unsigned i = 0; i < POWERS; i++)
        count += by_power[i] = atomic_load_explicit(&row->by_power[i], memory_order_relaxed);
    uint64_t max_ns = atomic_load(&row->max_ns);
    struct ctxtrace_task_delay all = {
        .name = name,
        .waiting = positive(atomic_load(&row->waiting_threads) + atomic_load(&row->waiting_tasks)),
        .count = count,
        .p50_ns = percentile(by_power, count, 50, max_ns),
        .p99_ns = percentile(by_power, count, 99, max_ns),
        .max_ns = max_ns,
    };
    if (ret_delay)
        memcpy(ret_delay, &all, size < sizeof all ? size : sizeof all);
    return 1;
}
