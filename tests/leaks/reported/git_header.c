/* SPDX-License-Identifier: MIT */
/*
 * Two buffers are filled for a header; when the second conversion fails, the function returns with
 * the first one full.
 *
 * seen: git/git#1956 decode_header() lost a buffer when a conversion to UTF-8 failed
 * expect: unreachable memory 3 "decode_part < decode_header < main" parts=3
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

struct buffer {
    char *data;
    size_t length;
};

NOINLINE static struct buffer *decode_part(const char *text)
{
    struct buffer *buffer = malloc(sizeof(*buffer));

    if (!buffer)
        exit(1);
    buffer->data = strdup(text);
    buffer->length = strlen(text);
    return buffer;
}

static int convert(const struct buffer *buffer, const char *from)
{
    return buffer->length && !strcmp(from, "latin1") ? 0 : -1;
}

static void free_buffer(struct buffer *buffer)
{
    free(buffer->data);
    free(buffer);
}

NOINLINE static int decode_header(const char *text, const char *from)
{
    struct buffer *decoded = decode_part(text);

    if (convert(decoded, from)) {
        if (IS_FIXED)
            free_buffer(decoded);
        return -1;
    }
    free_buffer(decoded);
    return 0;
}

int main(void)
{
    static const char *const charsets[] = {"latin1", "klingon", "latin1", "elvish", "runes"};
    int failed = 0;

    for (int header = 0; header < 5; header++)
        failed += decode_header("a subject", charsets[header]) < 0;
    printf("%d of 5\n", failed);
    return 0;
}
