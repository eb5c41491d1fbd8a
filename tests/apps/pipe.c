/* SPDX-License-Identifier: MIT */
/* A pipe whose writing end is closed and whose reading end is forgotten. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

__attribute__((noinline)) static int open_pipe(int ends[2])
{
    int failed = pipe2(ends, O_CLOEXEC);

    return failed;
}

int main(void)
{
    char word[8] = "";
    int ends[2];

    if (open_pipe(ends) || write(ends[1], "hello", 5) != 5 || read(ends[0], word, 5) != 5)
        return 1;
    close(ends[1]);
#ifdef FIXED
    close(ends[0]);
#endif
    puts(word);
    return 0;
}
