/* SPDX-License-Identifier: MIT */
/*
 * Workloads that hold many blocks at once: what a live block costs in memory,
 * and what a snapshot of them costs the program that is running on.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "workload.h"

#define BLOCK_BYTES 48

static void **blocks;

static double read_resident_bytes(void)
{
    char text[128];
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file && fgets(text, sizeof text, file)) {
        const char *resident = strchr(text, ' ');
        pages = resident ? atol(resident) : 0;
    }
    if (file)
        fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void hold_blocks(long count)
{
    for (long i = 0; i < count; i++) {
        blocks[i] = malloc(BLOCK_BYTES);
        memset(blocks[i], 1, BLOCK_BYTES);
    }
}

static void make_room(long count)
{
    size_t bytes = (size_t)count * sizeof *blocks;
    blocks = malloc(bytes);
    if (!blocks)
        abort();
    memset(blocks, 1, bytes); /* so that its pages are counted before */
}

/* Prints the resident bytes that one more live block costs. */
void measure_live(long count)
{
    make_room(count);
    double before = read_resident_bytes();
    hold_blocks(count);
    printf("%.2f\n", (read_resident_bytes() - before) / (double)count);
}

/* ---- a large heap to the end, for those who look what reaches it ---- */

#define SMALL_BYTES 256
#define LARGE_BYTES 4096
#define CHAINS      65536u

struct link {
    struct link *next, *other;
};
static struct link *volatile chains[CHAINS];

/* Blocks in chains, each with a pointer into any other chain besides. Prints when the end
 * begins. */
static void build_chains(long count, size_t bytes)
{
    uint32_t random = 1;
    for (long i = 0; i < count; i++) {
        struct link *link = malloc(bytes);
        if (!link)
            abort();
        memset(link, 0, bytes);
        random = random * 1664525u + 1013904223u;
        link->next = chains[random >> 16];
        chains[random >> 16] = link;
        random = random * 1664525u + 1013904223u;
        link->other = chains[random >> 16];
    }
    printf("%.0f\n", now_ns());
}

void build_small(long count)
{
    build_chains(count, SMALL_BYTES);
}

void build_large(long count)
{
    build_chains(count, LARGE_BYTES);
}

/* ---- a snapshot, while the program runs on ---- */

#define WINDOW_NS 400e6 /* of the control, and of a run without a tracker */
#define LIMIT_NS  60e9
#define POLL_NS   500000

static const char *dump_path; /* appears, by a rename, when the dump is whole */
static _Atomic int waiting = 1;
static double asked_ns, seen_ns;

static void *watch_for_dump(void *arg)
{
    static const struct timespec pause = {.tv_nsec = POLL_NS};
    struct stat status;
    while (stat(dump_path, &status) != 0 && now_ns() - asked_ns < LIMIT_NS)
        nanosleep(&pause, NULL);
    seen_ns = now_ns();
    atomic_store(&waiting, 0);
    return arg;
}

/* How often the scheduler took the CPU from this thread. */
static long count_preemptions(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nivcsw : 0;
}

struct stall {
    double any; /* the longest time between two looks at the clock */
    double own; /* the same, of those in which nobody else was given the CPU */
};

/* Each round allocates, so that it would wait for a lock that a dump holds. */
static struct stall stamp(double window_ns)
{
    struct stall longest = {0, 0};
    double start = now_ns(), last = start;
    long preempted = count_preemptions();
    while (window_ns > 0 ? last - start < window_ns : atomic_load(&waiting) != 0) {
        void *volatile p = malloc(BLOCK_BYTES);
        free(p);
        double now = now_ns(), gap = now - last;
        long preempted_now = count_preemptions();
        if (gap > longest.any)
            longest.any = gap;
        if (gap > longest.own && preempted_now == preempted)
            longest.own = gap;
        preempted = preempted_now;
        last = now;
    }
    return longest;
}

/*
 * Prints, in milliseconds, how long a dump of `count` blocks takes, the longest
 * stall in that time of the thread that the signal meets (without and with those
 * that another process caused), and as a control both in a time without a dump.
 * CTXTRACE_BENCH_DUMP names the file to wait for.
 */
void measure_snapshot(long count)
{
    pthread_t watcher;
    dump_path = getenv("CTXTRACE_BENCH_DUMP");
    make_room(count);
    hold_blocks(count);
    struct stall quiet = stamp(WINDOW_NS), stall = {0, 0};
    if (dump_path) {
        asked_ns = now_ns();
        if (pthread_create(&watcher, NULL, watch_for_dump, NULL) != 0)
            abort();
        kill(getpid(), SIGUSR1);
        stall = stamp(0);
        pthread_join(watcher, NULL);
    }
    printf("%.3f %.3f %.3f %.3f %.3f\n", (seen_ns - asked_ns) / 1e6, stall.own / 1e6,
           stall.any / 1e6, quiet.own / 1e6, quiet.any / 1e6);
}
