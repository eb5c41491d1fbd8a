/* SPDX-License-Identifier: MIT */
/*
 * The consumer of a queue ended early; the producer gives the queue back when it is done, with what
 * nobody fetched still in it.
 *
 * expect: unreachable memory 1 "put < produce < main" parts=4
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

struct item {
    struct item *next;
    int number;
};

struct queue {
    struct item *first, **end;
    int fetched;
};

NOINLINE static void put(struct queue *queue, int number)
{
    struct item *item = malloc(sizeof(*item));

    if (!item)
        exit(1);
    item->next = NULL;
    item->number = number;
    *queue->end = item;
    queue->end = &item->next;
}

static int take(struct queue *queue)
{
    struct item *item = queue->first;
    int number;

    if (!item)
        return -1;
    number = item->number;
    queue->first = item->next;
    if (!queue->first)
        queue->end = &queue->first;
    free(item);
    return number;
}

static void *consume(void *argument)
{
    struct queue *queue = argument;

    while (take(queue) != 2)
        queue->fetched++;
    return NULL;
}

NOINLINE static int produce(void)
{
    struct queue *queue = calloc(1, sizeof(*queue));
    pthread_t consumer;
    int fetched;

    if (!queue)
        exit(1);
    queue->end = &queue->first;
    for (int number = 0; number < 8; number++)
        put(queue, number);
    if (pthread_create(&consumer, NULL, consume, queue) || pthread_join(consumer, NULL))
        exit(1);
    fetched = queue->fetched;
    while (IS_FIXED && take(queue) >= 0)
        continue;
    free(queue);
    return fetched;
}

int main(void)
{
    printf("%d\n", produce());
    return 0;
}
