/* SPDX-License-Identifier: MIT */
/*
 * What a stack capture costs, by depth: walking by recipes, walking and
 * interning, and libunwind's unw_backtrace, alternating in short rounds so
 * that a noisy machine disturbs all alike. Prints medians in nanoseconds.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "preload/facts/stack.h"
#include "preload/facts/unwind.h"

#define ROUNDS 41
#define CALLS  2000
#define DEPTH  512

typedef int backtrace_function(void **pcs, int max);

static backtrace_function *backtrace_of_libunwind;
static volatile uint64_t sink;

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static __attribute__((noinline)) void walk_once(void)
{
    static uint64_t pcs[DEPTH];
    enum ctt_cut cut;
    struct call_site site = CALL_SITE();
    sink += unwind_walk(&site, pcs, DEPTH, &cut);
}

static __attribute__((noinline)) void capture_once(void)
{
    struct call_site site = CALL_SITE();
    sink += stack_capture(&site, (const void *)malloc);
}

static __attribute__((noinline)) void libunwind_once(void)
{
    static void *pcs[DEPTH];
    sink += (uint64_t)backtrace_of_libunwind(pcs, DEPTH);
}

static const struct {
    const char *name;
    void (*once)(void);
} ways[] = {
    {"walk", walk_once},
    {"walk+intern", capture_once},
    {"unw_backtrace", libunwind_once},
};
#define WAYS (sizeof ways / sizeof ways[0])

static double times[WAYS][ROUNDS];

static void rounds(void)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned way = 0; way < WAYS; way++) {
            double begun = now_ns();
            for (unsigned i = 0; i < CALLS; i++)
                ways[way].once();
            times[way][round] = (now_ns() - begun) / CALLS;
        }
    }
}

static __attribute__((noinline)) void deep(unsigned frames)
{
    if (frames == 0)
        rounds();
    else
        deep(frames - 1);
    __asm__ volatile("" ::: "memory");
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void)
{
    static const unsigned depths[] = {8, 16, 32, 64};
    static const unsigned frames_around = 6; /* main, _start, rounds, ... */
    void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
    if (library)
        backtrace_of_libunwind = (backtrace_function *)dlsym(library, "unw_backtrace");
    if (!backtrace_of_libunwind) {
        puts("libunwind.so.8 is not there");
        return 77;
    }
    printf("%-8s", "frames");
    for (unsigned way = 0; way < WAYS; way++)
        printf("%16s", ways[way].name);
    puts("   ns per capture, medians");
    for (unsigned d = 0; d < sizeof depths / sizeof depths[0]; d++) {
        deep(depths[d] - frames_around);
        printf("%-8u", depths[d]);
        for (unsigned way = 0; way < WAYS; way++) {
            qsort(times[way], ROUNDS, sizeof times[way][0], by_value);
            printf("%16.0f", times[way][ROUNDS / 2]);
        }
        putchar('\n');
    }
    return 0;
}
