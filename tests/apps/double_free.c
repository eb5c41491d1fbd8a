/* SPDX-License-Identifier: MIT */
/* A buffer that its user frees, and its owner once more, whereupon libc aborts; so does
 * the twin, to end in the same way. Options: frees=1. */
#include <stdlib.h>
#include <string.h>

enum { BYTES = 3000 };

__attribute__((noinline)) static char *make_buffer(void)
{
    return malloc(BYTES);
}

__attribute__((noinline)) static void use_buffer(char *buffer)
{
    memset(buffer, 1, BYTES);
    free(buffer);
}

int main(void)
{
    char *buffer = make_buffer(), *other = make_buffer();

    use_buffer(buffer);
    free(other);
    /* Another's by now: freed once, though its address was before. */
    buffer = make_buffer();
    use_buffer(buffer);
    buffer = realloc(make_buffer(), BYTES / 2);
#ifndef FIXED
    use_buffer(buffer);
#endif
    free(buffer);
    abort();
}
