/* SPDX-License-Identifier: MIT */
/*
 * Three helpers are started and nobody joins or detaches them. They have ended; their stacks and
 * what libc knows of them stay.
 *
 * expect: unjoined-thread thread 3 "start_helper < main" severity=warning
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

#include "../leaks.h"

static sem_t is_done;

static void *help(void *unused)
{
    sem_post(&is_done);
    return unused;
}

NOINLINE static pthread_t start_helper(void)
{
    pthread_t helper;

    pthread_create(&helper, NULL, help, NULL);
    return helper;
}

int main(void)
{
    sem_init(&is_done, 0, 0);
    for (int number = 0; number < 3; number++) {
        pthread_t helper = start_helper();

        if (IS_FIXED)
            pthread_join(helper, NULL);
        sem_wait(&is_done);
    }
    await_other_threads();
    puts("three helped");
    return 0;
}
