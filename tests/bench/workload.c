/* SPDX-License-Identifier: MIT */
/*
 * The micro workloads of scripts/bench: `workload NAME DEPTH COUNT` does one
 * thing COUNT times, DEPTH frames below main, and prints the nanoseconds that
 * one took. The same binary runs natively and under every tool. Workloads that
 * need threads or print another figure are in the files beside this one.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "workload.h"

static volatile int sink;

void malloc_pair(long count)
{
    for (long i = 0; i < count; i++) {
        char *volatile p = malloc(64);
        p[0] = 1;
        free(p);
    }
}

#define CHANGING_FRAMES 8

/*
 * Goes down by one of two calls at each frame, as the bits of `way` say. The
 * lowest bit decides at the outermost frame, so counting changes all of them:
 * whatever is remembered of the last walk holds only above.
 */
static __attribute__((noinline)) void choose(int frames, unsigned long way)
{
    if (frames == 0) {
        malloc_pair(1);
    } else if (way & 1) { /* barriers, else the compiler makes one call of the two */
        __asm__ volatile("# odd");
        choose(frames - 1, way >> 1);
        __asm__ volatile("# odd");
    } else {
        __asm__ volatile("# even");
        choose(frames - 1, way >> 1);
        __asm__ volatile("# even");
    }
    __asm__ volatile("" ::: "memory");
}

static void malloc_pair_half_changed(long count)
{
    for (long i = 0; i < count; i++)
        choose(CHANGING_FRAMES - 1, (unsigned long)i);
}

static void open_close(long count)
{
    for (long i = 0; i < count; i++)
        close(open("/dev/null", O_RDONLY));
}

static void socketpair_close(long count)
{
    for (long i = 0; i < count; i++) {
        int fds[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0) {
            close(fds[0]);
            close(fds[1]);
        }
    }
}

static void lock_unlock(long count)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    for (long i = 0; i < count; i++) {
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
    }
}

static void *nothing(void *arg)
{
    return arg;
}

static void thread_join(long count)
{
    for (long i = 0; i < count; i++) {
        pthread_t t;
        if (pthread_create(&t, NULL, nothing, NULL) == 0)
            pthread_join(t, NULL);
    }
}

/* A row that is not timed here prints its own figures. */
static const struct {
    const char *name;
    workload_function *run;
    bool timed;
    int own_frames; /* beside its own, between `run` and the operation */
} workloads[] = {
    {"malloc", malloc_pair, true, 0},
    {"malloc-half", malloc_pair_half_changed, true, CHANGING_FRAMES},
    {"open", open_close, true, 0},
    {"socketpair", socketpair_close, true, 0},
    {"thread", thread_join, true, 0},
    {"mutex", lock_unlock, true, 0},
    {"two-threads", measure_two_threads, false, 0},
    {"cross-free", measure_cross_free, false, 0},
    {"live", measure_live, false, 0},
    {"small", build_small, false, 0},
    {"large", build_large, false, 0},
    {"snapshot", measure_snapshot, false, 0},
};

/* Frames that the compiler may not fold. */
__attribute__((noinline)) void descend(int frames, workload_function *run, long count)
{
    volatile char local[32];
    local[0] = (char)frames;
    if (frames > 0)
        descend(frames - 1, run, count);
    else
        run(count);
    sink += local[0];
}

double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc == 1)
        return 0; /* the empty program */
    if (argc != 4) {
        fprintf(stderr, "usage: workload NAME DEPTH COUNT\n");
        return 64;
    }
    long count = atol(argv[3]);
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++) {
        if (strcmp(workloads[i].name, argv[1]) != 0)
            continue;
        /* main, descend(depth) .. descend(0), run, and the hook's caller. */
        int depth = atoi(argv[2]) - 3 - workloads[i].own_frames;
        if (!workloads[i].timed) {
            descend(depth, workloads[i].run, count);
            return 0;
        }
        descend(depth, workloads[i].run, count / 10 + 1);
        double start = now_ns();
        descend(depth, workloads[i].run, count);
        printf("%.2f\n", (now_ns() - start) / (double)count);
        return 0;
    }
    fprintf(stderr, "workload: no workload %s\n", argv[1]);
    return 64;
}
