/* SPDX-License-Identifier: MIT */
/*
 * A tree of seven nodes, made by a function that calls itself, is dropped at its root. Root and
 * leaves come from different stacks, so the parts are groups of their own: they are no leaks of
 * their own.
 *
 * lsan: the root missed in 3 of 12 runs
 * expect: unreachable memory 1 "grow < measure < main" parts=6
 */
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

struct node {
    struct node *left, *right;
    int depth;
};

NOINLINE static struct node *grow(int depth)
{
    struct node *node = malloc(sizeof(*node));

    if (!node)
        return NULL;
    node->depth = depth;
    node->left = depth > 1 ? grow(depth - 1) : NULL;
    node->right = depth > 1 ? grow(depth - 1) : NULL;
    return node;
}

NOINLINE static int count(const struct node *node)
{
    return node ? 1 + count(node->left) + count(node->right) : 0;
}

NOINLINE static void fell(struct node *node)
{
    if (!node)
        return;
    fell(node->left);
    fell(node->right);
    free(node);
}

NOINLINE static int measure(void)
{
    struct node *root = grow(3);
    int nodes = count(root);

    if (IS_FIXED)
        fell(root);
    return nodes;
}

int main(void)
{
    printf("%d\n", measure());
    return 0;
}
