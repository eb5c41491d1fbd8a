/* SPDX-License-Identifier: MIT */
/*
 * The head of a list of five is dropped. One block is lost, four are reached only through it: a
 * tool that counts five leaks sends its reader to the wrong places.
 *
 * expect: unreachable memory 1 "push < build < count_words < main" parts=4
 */
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

struct node {
    struct node *next;
    int number;
};

NOINLINE static struct node *push(struct node *list, int number)
{
    struct node *node = malloc(sizeof(*node));

    if (!node)
        return list;
    node->next = list;
    node->number = number;
    return node;
}

NOINLINE static struct node *build(void)
{
    struct node *list = NULL;

    for (int number = 0; number < 5; number++)
        list = push(list, number);
    return list;
}

static void free_list(struct node *list)
{
    while (list) {
        struct node *next = list->next;

        free(list);
        list = next;
    }
}

NOINLINE static int count_words(void)
{
    struct node *list = build();
    int count = 0;

    for (struct node *node = list; node; node = node->next)
        count++;
    if (IS_FIXED)
        free_list(list);
    return count;
}

int main(void)
{
    printf("%d\n", count_words());
    return 0;
}
