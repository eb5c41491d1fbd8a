/* SPDX-License-Identifier: MIT */
/* There is no libm here, hence the two series. */
#include "preload/ground/sample.h"

#include <sys/auxv.h>

#include "preload/ground/sys.h"

_Atomic uint64_t sample_mean;
static uint64_t begun_with;

void sample_begin(uint64_t mean)
{
    begun_with = mean < SAMPLE_MEAN_MOST ? mean : SAMPLE_MEAN_MOST;
    atomic_store_explicit(&sample_mean, begun_with, memory_order_release);
}

void sample_stop(void)
{
    atomic_store_explicit(&sample_mean, SAMPLE_NOTHING, memory_order_release);
}

uint64_t sample_bytes(void)
{
    return begun_with;
}

void sample_forked(void)
{
    self.sample_random = 0;
    self.sample_left = 0;
}

/* ---- random numbers ---- */

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)

/* Splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
 * OOPSLA 2014. */
static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Different for each thread, each program that is started, and each fork child. The
 * kernel's random bytes are those that libc makes its canary from. */
static uint64_t seed_make(void)
{
    static _Atomic uint64_t threads;
    const uint64_t *kernel = (const uint64_t *)getauxval(AT_RANDOM);
    uint64_t seed = mix(kernel ? kernel[0] + GOLDEN : GOLDEN);
    seed = mix(seed ^ (uint64_t)sys_getpid());
    seed = mix(seed ^ clock_since_ns());
    return seed ^ atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed);
}

/* ---- the draw ---- */

#define RANDOM_BITS 53 /* that a double holds exactly */
#define LN2         0.69314718055994530942

/* ln(x) = 2 artanh(z), z = (x - 1) / (x + 1), as its series (Abramowitz and Stegun,
 * 4.1.27). For x from 1/sqrt(2) to sqrt(2) z^2 is below 0.0295, and what is left out
 * below z^8 / 9, 9e-8 of the sum. */
static double ln_near_one(double x)
{
    double z = (x - 1) / (x + 1), zz = z * z;
    return 2 * z * (1 + zz * (1.0 / 3 + zz * (1.0 / 5 + zz / 7)));
}

uint64_t sample_distance(uint64_t random, uint64_t mean)
{
    /* u = n / 2^53, above 0 and at most 1: as x * 2^exponent, x near 1. */
    uint64_t n = (random >> (64 - RANDOM_BITS)) + 1;
    int exponent = 63 - __builtin_clzll(n);
    double x = (double)n / (double)(UINT64_C(1) << exponent);
    exponent -= RANDOM_BITS;
    if (x > 1.41421356) {
        x /= 2;
        exponent++;
    }
    double distance = -(ln_near_one(x) + exponent * LN2) * (double)mean;
    uint64_t whole = distance > 0 ? (uint64_t)distance : 0;
    return whole + ((double)whole < distance || whole == 0);
}

static int64_t draw(void)
{
    self.sample_random += GOLDEN;
    return (int64_t)sample_distance(mix(self.sample_random), begun_with);
}

void sample_seed(uint64_t seed)
{
    uint64_t random = mix(seed);
    self.sample_random = random ? random : GOLDEN; /* 0 means that there is none yet */
    self.sample_left = draw();
}

enum sample sample_crossed(uint64_t bytes)
{
    if (atomic_load_explicit(&sample_mean, memory_order_relaxed) == SAMPLE_NOTHING) {
        self.sample_left = INT64_MAX;
        return SAMPLE_PASSED;
    }
    if (self.sample_random == 0) {
        sample_seed(seed_make());
        int64_t left = (int64_t)((uint64_t)self.sample_left - (bytes + 1));
        self.sample_left = left;
        if (left > 0)
            return SAMPLE_PASSED;
    }
    self.sample_left = draw();
    return SAMPLE_DRAWN;
}

/* ---- the weight ---- */

/* 1 - exp(-x) = x - x^2 / 2! + x^3 / 3! - ... (Abramowitz and Stegun, 4.2.1): for x up
 * to 1 what is left out after TERMS terms is below x^13 / 13!, 1.6e-10. */
#define TERMS 12

double sample_probability(uint64_t bytes, uint64_t mean)
{
    double x = ((double)bytes + 1) / (double)mean;
    double sum = 1;
    for (int n = TERMS; n > 1; n--)
        sum = 1 - x / n * sum;
    return x * sum;
}
