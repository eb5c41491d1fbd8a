// SPDX-License-Identifier: MIT
/*
 * Every wait that the kernel does not restart, each in a thread of its own,
 * over and over while the snapshot's signal comes to each thread. hazard: D4
 *
 *     waits SECONDS FIFO
 *
 * Prints the EINTRs that the program saw, the waits that ended early, and the
 * names of both; then how many of both, and of waits that never ended.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "waits.h"

#define CASES_MAX 64

static atomic_bool over;
static atomic_int interrupted, early;

static long elapsed_ns(const struct timespec *since)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - since->tv_sec) * NS_PER_S + now.tv_nsec - since->tv_nsec;
}

static void *wait_often(void *arg)
{
    struct wait_case *self = arg;
    const long tick = 1000000; /* semaphores count in jiffies */
    while (!over) {
        struct timespec begun;
        clock_gettime(CLOCK_MONOTONIC, &begun);
        errno = 0;
        int result = self->wait();
        if (result < 0 && errno == EINTR) {
            interrupted++;
            printf("EINTR %s\n", self->name);
        } else if (result == 0 && errno == EINTR) {
            interrupted++;
            printf("EINTR left behind by %s\n", self->name);
        } else if (result != 0 || elapsed_ns(&begun) < self->ns - 4 * tick) {
            early++;
            printf("early %s: %d after %ld us\n", self->name, result, elapsed_ns(&begun) / 1000);
        }
        self->rounds++;
    }
    return self;
}

static void cases_start(struct wait_case *cases, pthread_t *threads)
{
    for (size_t i = 0; cases[i].name; i++)
        pthread_create(&threads[i], NULL, wait_often, &cases[i]);
}

/* How many never came round. A thread that was cancelled in its wait has not
 * waited to the end. */
static int cases_join(struct wait_case *cases, pthread_t *threads)
{
    int idle = 0;
    void *result;
    for (size_t i = 0; cases[i].name; i++) {
        pthread_join(threads[i], &result);
        idle += cases[i].rounds == 0;
        if (result == &cases[i])
            continue;
        early++;
        printf("cancelled %s\n", cases[i].name);
    }
    return idle;
}

int main(int argc, char **argv)
{
    struct wait_case *tables[] = {timed_waits, socket_waits, alarmed_waits};
    pthread_t threads[3][CASES_MAX];
    struct timespec begun;
    int idle = 0;
    if (argc != 3)
        return 1;
    timed_waits_begin();
    socket_waits_begin(argv[2]);
    alarmed_waits_begin();
    for (size_t i = 0; i < 3; i++)
        cases_start(tables[i], threads[i]);
    puts("ready");
    fflush(stdout);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    while (elapsed_ns(&begun) < atoi(argv[1]) * NS_PER_S)
        nanosleep(&wait_time, NULL);
    over = true;
    for (size_t i = 0; i < 3; i++)
        idle += cases_join(tables[i], threads[i]);
    timed_waits_end();
    socket_waits_end();
    alarmed_waits_end();
    printf("interrupted %d early %d idle %d\n", interrupted, early, idle);
    return interrupted || early || idle;
}
