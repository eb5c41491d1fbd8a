/* SPDX-License-Identifier: MIT */
/*
 * The low bits of each pointer carry a colour or a type, as in red-black trees and interpreters.
 * Such a pointer leads into the block, and the block is no leak.
 *
 * valgrind: false, possibly lost
 * expect: nothing
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

enum { IS_RED = 1, IS_LEAF = 2, TAGS = 3 };

struct node {
    uintptr_t child;
    long value;
};

static volatile uintptr_t root;

NOINLINE static uintptr_t make_node(uintptr_t child, long value, unsigned tag)
{
    struct node *node = malloc(sizeof(*node));

    if (!node)
        exit(1);
    node->child = child;
    node->value = value;
    return (uintptr_t)node | tag;
}

static struct node *node_of(uintptr_t tagged)
{
    return (struct node *)(tagged & ~(uintptr_t)TAGS);
}

int main(void)
{
    long sum = 0;

    root = make_node(make_node(make_node(0, 1, IS_LEAF), 2, IS_RED), 3, IS_RED | IS_LEAF);
    for (uintptr_t at = root; at; at = node_of(at)->child)
        sum += node_of(at)->value;
    printf("%ld\n", sum);
    while (IS_FIXED && root) {
        struct node *node = node_of(root);

        root = node->child;
        free(node);
    }
    return 0;
}
