/* SPDX-License-Identifier: MIT */
/*
 * An exception passes through a function that holds a raw pointer; an outer frame catches it and
 * goes on. Three of five transfers fail.
 *
 * expect: unreachable memory 3 "take_buffer < transfer < try_all < main" bytes=1536
 */
#include <cstdio>
#include <stdexcept>

#include "../leaks.h"

struct buffer_deleter {
    char *buffer;

    ~buffer_deleter()
    {
        if (IS_FIXED)
            delete[] buffer;
    }
};

NOINLINE static char *take_buffer()
{
    return new char[512];
}

NOINLINE static void check(int number)
{
    if (number % 2 == 0)
        throw std::runtime_error("odd numbers only");
}

NOINLINE static void transfer(int number)
{
    char *buffer = take_buffer();
    buffer_deleter guard{buffer};

    buffer[0] = 'x';
    keep(buffer);
    check(number);
    if (!IS_FIXED)
        delete[] buffer;
}

NOINLINE static int try_all()
{
    int failed = 0;

    for (int number = 0; number < 5; number++) {
        try {
            transfer(number);
        } catch (const std::exception &) {
            failed++;
        }
    }
    return failed;
}

int main()
{
    std::printf("%d failed\n", try_all());
    return 0;
}
