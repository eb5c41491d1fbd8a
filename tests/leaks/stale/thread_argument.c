/* SPDX-License-Identifier: MIT */
/*
 * The argument of a thread is its own to free. This one forgets; the thread is joined, and what
 * libc remembers of it, its argument and its result too, is part of a stack that is kept for the
 * next thread.
 *
 * expect: unreachable memory 1 "start_job < main" bytes=96
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

struct job {
    int number;
    char title[92];
};

static void *run_job(void *argument)
{
    struct job *job = argument;

    job->number++;
    if (IS_FIXED)
        free(job);
    return NULL;
}

NOINLINE static int start_job(pthread_t *ret_worker)
{
    struct job *job = calloc(1, sizeof(*job));

    return job ? pthread_create(ret_worker, NULL, run_job, job) : 1;
}

int main(void)
{
    pthread_t worker;

    if (start_job(&worker) || pthread_join(worker, NULL))
        return 1;
    puts("done");
    return 0;
}
