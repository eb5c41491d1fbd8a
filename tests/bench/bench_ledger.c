/* SPDX-License-Identifier: MIT */
/*
 * The memory ledger by itself, at a million live blocks of 48 bytes, 64 apart,
 * as glibc places them: adding and dropping, in order and at random, and what a
 * snapshot's scan of all of them takes. Prints medians.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "preload/books/ledger.h"
#include "preload/ground/arena.h"

#define BLOCKS 1000000u
#define STRIDE 64u
#define ROUNDS 11u
#define BASE   UINT64_C(0x555555600000)

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *times)
{
    qsort(times, ROUNDS, sizeof *times, by_value);
    return times[ROUNDS / 2];
}

/* A different order of the same blocks: multiplying by an odd number below a
 * power of two visits each once. */
static uint64_t address_of(uint32_t n, int random)
{
    uint32_t place = random ? (n * 2654435761u) & ((1u << 20) - 1) : n;
    return BASE + (uint64_t)place * STRIDE;
}

static void add_all(int random)
{
    for (uint32_t n = 0; n < BLOCKS; n++) {
        struct block block = {.address = address_of(n, random), .bytes = 48, .stack = 7};
        ledger_add(&block);
    }
}

static void drop_all(int random)
{
    for (uint32_t n = 0; n < BLOCKS; n++)
        ledger_drop(address_of(n, random));
}

static void sum_one(const struct block *block, void *arg)
{
    *(uint64_t *)arg += block->bytes;
}

int main(void)
{
    static double pair[2][ROUNDS], scan[2][ROUNDS];
    for (int random = 0; random < 2; random++) {
        for (unsigned round = 0; round < ROUNDS; round++) {
            double begun = now_ns();
            add_all(random);
            double added = now_ns();
            uint64_t bytes = 0;
            ledger_scan(sum_one, &bytes);
            double scanned = now_ns();
            drop_all(random);
            double dropped = now_ns();
            pair[random][round] = (added - begun + dropped - scanned) / BLOCKS;
            scan[random][round] = (scanned - added) / 1e6;
            if (bytes != UINT64_C(48) * BLOCKS)
                return 1;
        }
        printf("%-9s add+drop %6.1f ns  scan of %u %6.2f ms\n", random ? "at random" : "in order",
               median(pair[random]), BLOCKS, median(scan[random]));
    }
    printf("memory of the tables: %.1f bytes a block\n", (double)arena_mapped() / BLOCKS);
    return 0;
}
