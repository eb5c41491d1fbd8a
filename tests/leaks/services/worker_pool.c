/* SPDX-License-Identifier: MIT */
/*
 * A pool with room for four waiting jobs refuses what comes when it is full; the job that was
 * refused is nobody's. All jobs are offered before the workers start, so that six of ten are lost.
 *
 * expect: unreachable memory 6 "new_job < offer_all < main" parts=6
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

enum { ROOM = 4, OFFERED = 10, WORKERS = 2 };

struct job {
    char *text;
    int number;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct job *waiting[ROOM];
static int waiting_count, done;

NOINLINE static struct job *new_job(int number)
{
    struct job *job = malloc(sizeof(*job));

    if (!job)
        exit(1);
    job->text = strdup("something to do");
    job->number = number;
    return job;
}

static void free_job(struct job *job)
{
    free(job->text);
    free(job);
}

static int submit(struct job *job)
{
    if (waiting_count == ROOM)
        return -1;
    waiting[waiting_count++] = job;
    return 0;
}

NOINLINE static void offer_all(void)
{
    for (int number = 0; number < OFFERED; number++) {
        struct job *job = new_job(number);

        if (submit(job) && IS_FIXED)
            free_job(job);
    }
}

static void *work(void *unused)
{
    pthread_mutex_lock(&lock);
    while (waiting_count) {
        struct job *job = waiting[--waiting_count];

        waiting[waiting_count] = NULL;
        done += job->number >= 0;
        free_job(job);
    }
    pthread_mutex_unlock(&lock);
    return unused;
}

int main(void)
{
    pthread_t workers[WORKERS];

    offer_all();
    for (int worker = 0; worker < WORKERS; worker++)
        if (pthread_create(&workers[worker], NULL, work, NULL))
            return 1;
    for (int worker = 0; worker < WORKERS; worker++)
        pthread_join(workers[worker], NULL);
    printf("%d done\n", done);
    return 0;
}
