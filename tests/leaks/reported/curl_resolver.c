/* SPDX-License-Identifier: MIT */
/*
 * A thread resolves a name and is cancelled when nobody wants the answer any more. The library call
 * is through, its result is in a local variable, and the next cancellation point is just behind.
 *
 * seen: curl/curl#18532 a cancelled resolver thread never called freeaddrinfo
 * expect: unreachable memory 1 "resolve" parts=any
 */
#include <netdb.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/socket.h>

#include "../leaks.h"

static sem_t is_resolved, wanted;

static void drop(void *list)
{
    if (IS_FIXED)
        freeaddrinfo(*(struct addrinfo **)list);
}

static void *resolve(void *name)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *list = NULL;

    if (getaddrinfo(name, "80", &hints, &list))
        return NULL;
    pthread_cleanup_push(drop, &list);
    sem_post(&is_resolved);
    while (sem_wait(&wanted))
        continue;
    pthread_cleanup_pop(0);
    freeaddrinfo(list);
    return NULL;
}

int main(void)
{
    char name[] = "127.0.0.1";
    pthread_t resolver;

    sem_init(&is_resolved, 0, 0);
    sem_init(&wanted, 0, 0);
    if (pthread_create(&resolver, NULL, resolve, name))
        return 1;
    sem_wait(&is_resolved);
    pthread_cancel(resolver);
    pthread_join(resolver, NULL);
    puts("nobody wanted it");
    return 0;
}
