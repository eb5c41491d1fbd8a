/* SPDX-License-Identifier: MIT */
/*
 * A service that starts its worker again whenever its settings change tells the old one to stop,
 * and joins the last one only.
 *
 * expect: unjoined-thread thread 4 "start_worker < configure < main" severity=warning
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

#include "../leaks.h"

static pthread_t worker;
static sem_t stop, is_stopped;

static void *work(void *unused)
{
    sem_wait(&stop);
    sem_post(&is_stopped);
    return unused;
}

NOINLINE static void start_worker(void)
{
    pthread_create(&worker, NULL, work, NULL);
}

NOINLINE static void configure(int is_first)
{
    if (!is_first) {
        sem_post(&stop);
        sem_wait(&is_stopped);
        if (IS_FIXED)
            pthread_join(worker, NULL);
    }
    start_worker();
}

int main(void)
{
    sem_init(&stop, 0, 0);
    sem_init(&is_stopped, 0, 0);
    for (int change = 0; change < 5; change++)
        configure(!change);
    sem_post(&stop);
    pthread_join(worker, NULL);
    await_other_threads();
    puts("configured five times");
    return 0;
}
