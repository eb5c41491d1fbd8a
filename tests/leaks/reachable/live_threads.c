/* SPDX-License-Identifier: MIT */
/*
 * main leaves while two threads are alive. Each owns a block: one in a thread-local variable, one
 * under a key of pthread_setspecific, and both one more in a local variable of the function that
 * blocks. All of it is in use.
 *
 * valgrind: false, what libc keeps for each thread is possibly lost
 * expect: nothing
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

static __thread char *volatile scratch;
static pthread_key_t scratch_key;
static sem_t is_ready, never;

NOINLINE static char *make_scratch(void)
{
    return calloc(1, 200);
}

NOINLINE static void block_with(char *volatile *local)
{
    sem_post(&is_ready);
    while (!IS_FIXED || sem_wait(&never))
        sem_wait(&never);
    free(*local);
}

static void *work(void *by_key)
{
    char *volatile local = make_scratch();

    if (by_key)
        pthread_setspecific(scratch_key, make_scratch());
    else
        scratch = make_scratch();
    block_with(&local);
    free(scratch);
    return NULL;
}

int main(void)
{
    pthread_t workers[2];

    if (pthread_key_create(&scratch_key, free) || sem_init(&is_ready, 0, 0) ||
        sem_init(&never, 0, 0))
        return 1;
    for (int number = 0; number < 2; number++) {
        if (pthread_create(&workers[number], NULL, work, number ? &never : NULL))
            return 1;
        sem_wait(&is_ready);
    }
    for (int number = 0; IS_FIXED && number < 2; number++)
        sem_post(&never);
    for (int number = 0; IS_FIXED && number < 2; number++)
        pthread_join(workers[number], NULL);
    puts("leaving");
    return 0;
}
