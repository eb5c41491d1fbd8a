/* SPDX-License-Identifier: MIT */
/*
 * The destructor of a thread-specific value writes a last line and takes a buffer for it, which it
 * forgets. It runs when the thread's own function has returned already.
 *
 * expect: unreachable memory 3 "say_goodbye" bytes=360
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

static pthread_key_t state_key;

NOINLINE static void say_goodbye(void *state)
{
    char *line = malloc(120);

    if (line)
        snprintf(line, 120, "worker %d ends", *(int *)state);
    keep(line);
    if (IS_FIXED)
        free(line);
    free(state);
}

static void *work(void *number)
{
    int *state = malloc(sizeof(*state));

    if (state)
        *state = *(int *)number;
    pthread_setspecific(state_key, state);
    return NULL;
}

int main(void)
{
    if (pthread_key_create(&state_key, say_goodbye))
        return 1;
    for (int number = 0; number < 3; number++) {
        pthread_t worker;

        if (pthread_create(&worker, NULL, work, &number) || pthread_join(worker, NULL))
            return 1;
    }
    pthread_key_delete(state_key);
    puts("three ended");
    return 0;
}
