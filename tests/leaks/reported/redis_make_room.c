/* SPDX-License-Identifier: MIT */
/*
 * A string with its header before it cannot be made larger. The caller gets NULL, and stores it
 * where the string was.
 *
 * seen: redis/redis#771 sdsMakeRoomFor returns NULL and leaves the old string to nobody
 * expect: unreachable memory 1 "new_string < concatenate < main" bytes=60
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

struct string {
    size_t length;
    char text[];
};

NOINLINE static char *new_string(const char *text)
{
    struct string *string = malloc(sizeof(*string) + 52);

    if (!string)
        exit(1);
    string->length = strlen(text);
    return strcpy(string->text, text);
}

static struct string *string_of(char *text)
{
    return (struct string *)(text - offsetof(struct string, text));
}

static char *make_room(char *text, size_t more)
{
    struct string *old = string_of(text), *longer;

    longer = realloc(old, sizeof(*old) + old->length + more);
    if (!longer && IS_FIXED)
        free(old);
    return longer ? longer->text : NULL;
}

NOINLINE static int concatenate(size_t more)
{
    char *text = new_string("GET ");

    text = make_room(text, more);
    if (text)
        free(string_of(text));
    return text != NULL;
}

int main(void)
{
    volatile size_t more = PTRDIFF_MAX / 2;

    printf("%d\n", concatenate(more * 2 - 100));
    return 0;
}
