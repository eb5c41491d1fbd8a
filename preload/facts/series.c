/* SPDX-License-Identifier: MIT */
#include "preload/facts/series.h"

#include <stdatomic.h>
#include <stddef.h>

#include "preload/facts/releases.h"
#include "preload/format.h"
#include "preload/ground/arena.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"

#define ROWS_MAX     (1u << 15)         /* stacks that acquired more than once or twice; 14 MiB */
#define WINDOW_FIRST UINT64_C(10000000) /* ns: two or three ticks of the coarse clock */
#define READ_TRIES   100

/*
 * `sequence` is odd while one thread writes: that is its lock, too. Others, and a handler
 * that interrupts the writer, do without their point: the next will do. A writer that never
 * comes back (longjmp out of a handler, a fork by another thread) leaves a series that ends
 * there, which is as good as an idle one.
 */
struct series {
    struct series *older;
    _Atomic uint32_t sequence;
    uint32_t count;
    _Atomic uint64_t due_ns; /* the time of the next point */
    uint64_t window_ns;
    struct ctt_point points[CTT_SERIES_POINTS];
};

_Atomic bool series_are_of_memory;
static _Atomic(struct series *) newest;

/* Whoever reads what was set also sees that `sequence` had become odd: by the order of each,
 * where a fence would do as well, but not for the thread sanitizer. */
#define GET(field)        __atomic_load_n(&(field), __ATOMIC_ACQUIRE)
#define SET(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELEASE)

static __attribute__((noinline, cold)) struct series *series_make(struct stack_note *note)
{
    static _Atomic uint32_t rows;
    struct series *none = NULL;
    struct series *fresh = atomic_load(&rows) < ROWS_MAX ? arena_alloc(sizeof *fresh) : NULL;
    if (!fresh) {
        HEALTH(series_dropped);
        return NULL;
    }
    atomic_fetch_add(&rows, 1);
    fresh->window_ns = WINDOW_FIRST;
    fresh->older = atomic_load(&newest);
    while (!atomic_compare_exchange_weak(&newest, &fresh->older, fresh))
        ;
    /* Another thread may have been first: then ours stays empty. */
    return atomic_compare_exchange_strong(&note->series, &none, fresh) ? fresh : none;
}

static void point_set(struct ctt_point *to, const struct ctt_point *from)
{
    SET(to->at_ns, GET(from->at_ns));
    SET(to->acquired, GET(from->acquired));
    SET(to->live, GET(from->live));
}

/* Of two points the later one stays. */
static void points_merge(struct series *series)
{
    for (uint32_t i = 0; i < CTT_SERIES_POINTS / 2; i++)
        point_set(&series->points[i], &series->points[2 * i + 1]);
    SET(series->count, CTT_SERIES_POINTS / 2);
    SET(series->window_ns, series->window_ns * 2);
}

static void point_add(struct series *series, const struct ctt_point *point)
{
    uint32_t now = atomic_load_explicit(&series->sequence, memory_order_relaxed);
    if (now & 1 || !atomic_compare_exchange_strong(&series->sequence, &now, now + 1))
        return;
    if (point->at_ns >= atomic_load_explicit(&series->due_ns, memory_order_relaxed)) {
        if (series->count == CTT_SERIES_POINTS)
            points_merge(series);
        point_set(&series->points[series->count], point);
        SET(series->count, series->count + 1);
        atomic_store_explicit(&series->due_ns, point->at_ns + series->window_ns,
                              memory_order_relaxed);
    }
    atomic_store_explicit(&series->sequence, now + 2, memory_order_release);
}

void series_look(uint32_t stack, uint64_t acquired)
{
    struct stack_note *note = stack_note(stack);
    if (!note)
        return;
    struct series *series = atomic_load_explicit(&note->series, memory_order_acquire);
    if (!series && !(series = series_make(note)))
        return;
    struct ctt_point point = {.at_ns = clock_since_ns(), .acquired = acquired};
    if (point.at_ns < atomic_load_explicit(&series->due_ns, memory_order_relaxed))
        return;
    /* Releases are counted by 32 bits, which may have come round; less than none are held
     * where some of memory's acquisitions are still to be added up. */
    int32_t live = (int32_t)((uint32_t)acquired - releases_count(note));
    point.live = live > 0 ? (uint64_t)live : 0;
    point_add(series, &point);
}

bool series_read(uint32_t stack, struct ctt_series *ret_series)
{
    struct stack_note *note = stack_note(stack);
    const struct series *series = note ? atomic_load(&note->series) : NULL;
    for (int tries = 0; series && tries < READ_TRIES; tries++) {
        uint32_t before = atomic_load_explicit(&series->sequence, memory_order_acquire);
        ret_series->count = GET(series->count);
        ret_series->window_ns = GET(series->window_ns);
        for (uint32_t i = 0; i < CTT_SERIES_POINTS; i++)
            point_set(&ret_series->points[i], &series->points[i]);
        if (!(before & 1) &&
            atomic_load_explicit(&series->sequence, memory_order_relaxed) == before)
            return ret_series->count > 0;
    }
    return false;
}

void series_forked(void)
{
    for (struct series *series = atomic_load(&newest); series; series = series->older) {
        series->count = 0;
        series->window_ns = WINDOW_FIRST;
        atomic_store(&series->due_ns, 0);
        atomic_store(&series->sequence, 0);
    }
}
