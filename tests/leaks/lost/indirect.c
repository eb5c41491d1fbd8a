/* SPDX-License-Identifier: MIT */
/*
 * A document that owns a title and a body is freed by hand in one place only: the title and the
 * body of the second one go with it, from other stacks than the document itself.
 *
 * expect: unreachable memory 1 "new_document < publish < main" parts=2
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

struct document {
    char *title, *body;
};

NOINLINE static char *copy(const char *text)
{
    return strdup(text);
}

NOINLINE static struct document *new_document(const char *title)
{
    struct document *document = malloc(sizeof(*document));

    if (!document)
        exit(1);
    document->title = copy(title);
    document->body = copy("no text yet");
    return document;
}

static void free_document(struct document *document)
{
    free(document->title);
    free(document->body);
    free(document);
}

NOINLINE static size_t publish(int draft)
{
    struct document *document = new_document(draft ? "draft" : "final");
    size_t length = strlen(document->title) + strlen(document->body);

    if (draft || IS_FIXED)
        free_document(document);
    return length;
}

int main(void)
{
    printf("%zu\n", publish(1) + publish(0));
    return 0;
}
