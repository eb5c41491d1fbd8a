/* SPDX-License-Identifier: MIT */
/*
 * A block that points to itself, as an empty intrusive list does: the smallest ring.
 *
 * expect: unreachable memory 1 "make_queue < use_queue < main" bytes=32
 */
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

struct queue {
    struct queue *next, *previous;
    long length, limit;
};

NOINLINE static struct queue *make_queue(void)
{
    struct queue *queue = malloc(sizeof(*queue));

    if (!queue)
        exit(1);
    *queue = (struct queue){.next = queue, .previous = queue, .limit = 8};
    return queue;
}

NOINLINE static int use_queue(void)
{
    struct queue *queue = make_queue();
    int is_empty = queue->next == queue;

    keep(queue);
    if (IS_FIXED)
        free(queue);
    return is_empty;
}

int main(void)
{
    printf("%d\n", use_queue());
    return 0;
}
