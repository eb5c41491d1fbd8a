/* SPDX-License-Identifier: MIT */
/*
 * A parser makes text nodes that it has not linked into its tree yet when it meets an error. The
 * error path frees the tree.
 *
 * seen: michaelrsweet/mxml#356 text nodes that were never linked are lost with each bad document
 * expect: unreachable memory 2 "new_node < load < main" parts=2
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

struct node {
    struct node *next, *children;
    char *text;
};

NOINLINE static struct node *new_node(const char *text, size_t length)
{
    struct node *node = calloc(1, sizeof(*node));

    if (!node)
        exit(1);
    node->text = strndup(text, length);
    return node;
}

static void free_node(struct node *node)
{
    while (node) {
        struct node *next = node->next;

        free_node(node->children);
        free(node->text);
        free(node);
        node = next;
    }
}

/* Words that are separated by commas; a word with a '<' in it is an error. */
NOINLINE static int load(const char *document)
{
    struct node *tree = new_node("root", 4);
    int count = 0;

    while (*document) {
        size_t length = strcspn(document, ",");
        struct node *node = new_node(document, length);

        if (memchr(document, '<', length)) {
            if (IS_FIXED)
                free_node(node);
            free_node(tree);
            return -1;
        }
        node->next = tree->children;
        tree->children = node;
        count++;
        document += length + (document[length] == ',');
    }
    free_node(tree);
    return count;
}

int main(void)
{
    int sum = load("one,two,three") + load("one,<two,three");

    printf("%d\n", sum + load("<"));
    return 0;
}
