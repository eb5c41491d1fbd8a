/* SPDX-License-Identifier: MIT */
/*
 * Detached threads, some that have ended and some that are alive at the end, and what libc keeps
 * for each of them: nothing to tell.
 *
 * valgrind: false, what libc keeps for each thread is possibly lost
 * expect: nothing
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../leaks.h"

static sem_t is_ready, never;

static void *work(void *stays)
{
    char text[64];

    snprintf(text, sizeof(text), "%s", strerror(2));
    sem_post(&is_ready);
    while (stays && sem_wait(&never))
        continue;
    return NULL;
}

int main(void)
{
    sem_init(&is_ready, 0, 0);
    sem_init(&never, 0, 0);
    for (int number = 0; number < 6; number++) {
        pthread_t worker;

        if (pthread_create(&worker, NULL, work, number % 2 ? &never : NULL) ||
            pthread_detach(worker))
            return 1;
        sem_wait(&is_ready);
    }
    puts("six are on their own");
    return 0;
}
