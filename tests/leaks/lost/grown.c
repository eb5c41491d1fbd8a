/* SPDX-License-Identifier: MIT */
/*
 * A buffer that realloc made larger six times, and perhaps moved, is dropped at the end: one leak,
 * at the place where it was last made larger, of the size that it has now.
 *
 * lsan: missed in 8 of 12 runs, as the addresses fell
 * expect: unreachable memory 1 "append < render < main" bytes=2048
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

struct text {
    char *data;
    size_t length, room;
};

NOINLINE static void append(struct text *text, const char *more)
{
    size_t length = strlen(more);

    while (text->length + length > text->room) {
        size_t room = text->room ? text->room * 2 : 32;
        char *data = realloc(text->data, room);

        if (!data)
            exit(1);
        text->data = data;
        text->room = room;
    }
    memcpy(text->data + text->length, more, length);
    text->length += length;
}

NOINLINE static size_t render(void)
{
    struct text text = {0};

    for (int line = 0; line < 100; line++)
        append(&text, "a line of text\n");
    if (IS_FIXED)
        free(text.data);
    return text.length;
}

int main(void)
{
    printf("%zu\n", render());
    return 0;
}
