/* SPDX-License-Identifier: MIT */
/*
 * Which blocks of memory a run records, and what a recorded one stands for.
 *
 * Exact, the default: all. With sample=BYTES points fall on the bytes that a
 * thread acquires, at random and BYTES apart on average, and a block is recorded
 * when one falls on it (a Poisson process by bytes, as in tcmalloc's sampler.h).
 * So one of s bytes is recorded with the probability p = 1 - exp(-(s + 1) / BYTES)
 * and stands for 1 / p blocks: totals are right on average, and their error is
 * known (hazards.md E15). The one more is for blocks of no bytes. A block of
 * BYTES or more is always recorded, stands for itself, and takes no point away.
 *
 * `self.sample_left` is how far the thread's next point lies away. The distance
 * from anywhere to the next point is exponential, so that it may be drawn anew at
 * any moment: at a thread's first block, in a fork child, and when a signal handler
 * interrupts the lines below. What it draws or takes away may then be lost, which
 * moves the next point and prefers no block.
 *
 * Switched off is the same with no points at all: the hooks' way out stays short.
 */
#ifndef GROUND_SAMPLE_H
#define GROUND_SAMPLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "preload/ground/guard.h"

#define SAMPLE_NOTHING   (UINT64_C(1) << 63) /* as a mean: no points; known by its sign */
#define SAMPLE_MEAN_MOST (UINT64_C(1) << 56) /* no draw is above 37 times as much */

enum sample {
    SAMPLE_PASSED, /* not recorded */
    SAMPLE_DRAWN,  /* recorded, and stands for others of its size */
    SAMPLE_ALWAYS, /* recorded for itself */
};

/* Blocks below it are left to the draw. 0: none are. */
extern _Atomic uint64_t sample_mean;

/* At the program's start. 0: exact. */
void sample_begin(uint64_t mean);
/* For good: nothing will be recorded any more. */
void sample_stop(void);
/* In a fork child: it draws its own points from here on. */
void sample_forked(void);
/* Where the calling thread's random numbers begin, and its first point. Each thread
 * does it by itself, at its first block. */
void sample_seed(uint64_t seed);
/* What sample_begin set. */
uint64_t sample_bytes(void);

/* Whether the calling thread's next block, of so many bytes, is left out. True only
 * after the program's start, with the real functions known. */
static inline bool sample_passes(uint64_t bytes)
{
    if (bytes >= atomic_load_explicit(&sample_mean, memory_order_acquire))
        return false;
    int64_t left = (int64_t)((uint64_t)self.sample_left - (bytes + 1));
    self.sample_left = left;
    return __builtin_expect(left > 0, 1);
}

/* The thread's first block, or one on which a point fell. */
enum sample sample_crossed(uint64_t bytes);

/* Of a block that did not pass. */
static inline enum sample sample_decide(uint64_t bytes)
{
    if (bytes >= atomic_load_explicit(&sample_mean, memory_order_relaxed))
        return SAMPLE_ALWAYS;
    return sample_crossed(bytes);
}

/* The distance that the random number `random` stands for: exponential with `mean`,
 * rounded up. Exact to 1e-7 of itself. */
uint64_t sample_distance(uint64_t random, uint64_t mean);
/* p of a block of `bytes`, below `mean` bytes; exact to 1e-9 of itself. */
double sample_probability(uint64_t bytes, uint64_t mean);

#endif
