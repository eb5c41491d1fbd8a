/* SPDX-License-Identifier: MIT */
/*
 * Workloads of two threads. Two threads that allocate at the same stack should
 * do twice the work of one: whatever they fight for shows as less. And blocks
 * that one thread allocates and another frees.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "workload.h"

#define THREAD_FRAMES 12 /* with the thread's own, about 16 */

/* ---- two threads at one stack ---- */

#define PHASES 16 /* one thread and both, in turn, so that noise meets both */

static pthread_barrier_t gate;
static long phase_count;
static double phase_ns[PHASES];

static void *run_phases(void *arg)
{
    int number = *(int *)arg;
    for (int phase = 0; phase < PHASES; phase++) {
        pthread_barrier_wait(&gate);
        double start = now_ns();
        if (number == 0 || phase % 2)
            descend(THREAD_FRAMES, malloc_pair, phase_count);
        pthread_barrier_wait(&gate);
        if (number == 0)
            phase_ns[phase] = now_ns() - start;
    }
    return NULL;
}

static double least_of(int first)
{
    double least = phase_ns[first];
    for (int phase = first; phase < PHASES; phase += 2)
        if (phase_ns[phase] < least)
            least = phase_ns[phase];
    return least;
}

/* Prints the pairs that two threads do in the time in which one thread does one.
 * Of each kind the least disturbed phase counts. */
void measure_two_threads(long count)
{
    static int numbers[2] = {0, 1};
    pthread_t threads[2];
    phase_count = count / PHASES + 1;
    pthread_barrier_init(&gate, NULL, 2);
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, run_phases, &numbers[i]) != 0)
            abort();
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("%.3f\n", 2 * least_of(0) / least_of(1));
}

/* ---- one allocates, the other frees ---- */

#define BATCH   256
#define BATCHES 8 /* on their way at most */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    long filled, emptied; /* batches since the start */
    void *blocks[BATCHES][BATCH];
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void *free_batches(void *arg)
{
    long batches = *(long *)arg;
    for (long batch = 0; batch < batches; batch++) {
        pthread_mutex_lock(&queue.lock);
        while (queue.filled == batch)
            pthread_cond_wait(&queue.changed, &queue.lock);
        pthread_mutex_unlock(&queue.lock);
        for (int i = 0; i < BATCH; i++)
            free(queue.blocks[batch % BATCHES][i]);
        pthread_mutex_lock(&queue.lock);
        queue.emptied++;
        pthread_cond_signal(&queue.changed);
        pthread_mutex_unlock(&queue.lock);
    }
    return NULL;
}

static void allocate_batches(long batches)
{
    for (long batch = 0; batch < batches; batch++) {
        pthread_mutex_lock(&queue.lock);
        while (batch - queue.emptied == BATCHES)
            pthread_cond_wait(&queue.changed, &queue.lock);
        pthread_mutex_unlock(&queue.lock);
        for (int i = 0; i < BATCH; i++)
            queue.blocks[batch % BATCHES][i] = malloc(64);
        pthread_mutex_lock(&queue.lock);
        queue.filled++;
        pthread_cond_signal(&queue.changed);
        pthread_mutex_unlock(&queue.lock);
    }
}

/* Prints the nanoseconds per block, from one end to the other. */
void measure_cross_free(long count)
{
    long batches = count / BATCH + 1;
    pthread_t other;
    double start = now_ns();
    if (pthread_create(&other, NULL, free_batches, &batches) != 0)
        abort();
    allocate_batches(batches);
    pthread_join(other, NULL);
    printf("%.2f\n", (now_ns() - start) / (double)(batches * BATCH));
}
