/* SPDX-License-Identifier: MIT */
/*
 * A listener starts a thread for each request and keeps its handle in a variable that is gone when
 * the request is. Nobody can join it any more.
 *
 * seen: pikhq/musl-nscd#18 each request left a thread's stack until the server was killed
 * expect: unjoined-thread thread 12 "handle_request < main" severity=warning
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

#include "../leaks.h"

static sem_t is_answered;
static int answers;

static void *answer(void *unused)
{
    answers++;
    sem_post(&is_answered);
    return unused;
}

NOINLINE static void handle_request(void)
{
    pthread_t listener;

    if (pthread_create(&listener, NULL, answer, NULL))
        return;
    if (IS_FIXED)
        pthread_detach(listener);
    sem_wait(&is_answered);
}

int main(void)
{
    sem_init(&is_answered, 0, 0);
    for (int request = 0; request < 12; request++)
        handle_request();
    await_other_threads();
    printf("%d answered\n", answers);
    return 0;
}
