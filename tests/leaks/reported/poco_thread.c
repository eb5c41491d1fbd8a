/* SPDX-License-Identifier: MIT */
/*
 * A thread object is destroyed without a join. Its destructor detaches the thread if it is still
 * running, and does nothing if it has ended already.
 *
 * seen: pocoproject/poco#79 a thread that had ended before its object was never detached
 * expect: unjoined-thread thread 5 "start < use_thread < main" severity=warning
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

#include "../leaks.h"

struct worker {
    pthread_t thread;
    volatile int is_running;
    sem_t has_run;
};

static void *run(void *argument)
{
    struct worker *worker = argument;

    worker->is_running = 0;
    sem_post(&worker->has_run);
    return NULL;
}

NOINLINE static void start(struct worker *worker)
{
    worker->is_running = 1;
    sem_init(&worker->has_run, 0, 0);
    pthread_create(&worker->thread, NULL, run, worker);
}

NOINLINE static void destroy(struct worker *worker)
{
    if (worker->is_running || IS_FIXED)
        pthread_detach(worker->thread);
}

NOINLINE static void use_thread(void)
{
    static struct worker worker;

    start(&worker);
    sem_wait(&worker.has_run);
    destroy(&worker);
}

int main(void)
{
    for (int turn = 0; turn < 5; turn++)
        use_thread();
    await_other_threads();
    puts("five destroyed");
    return 0;
}
