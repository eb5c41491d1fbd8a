/* SPDX-License-Identifier: MIT */
/*
 * A stream's descriptor closed behind the stream's back: the number is free for
 * somebody else while the stream still writes to it.
 */
#include <stdio.h>
#include <unistd.h>

__attribute__((noinline)) static FILE *open_scratch(void)
{
    FILE *scratch = tmpfile();

    return scratch;
}

__attribute__((noinline)) static void close_too_low(FILE *stream)
{
    close(fileno(stream));
}

int main(void)
{
    FILE *scratch = open_scratch();

    if (!scratch)
        return 1;
#ifndef FIXED
    close_too_low(scratch);
#else
    (void)close_too_low;
#endif
    fclose(scratch);
    puts("done");
    return 0;
}
