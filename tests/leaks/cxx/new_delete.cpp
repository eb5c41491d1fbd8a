/* SPDX-License-Identifier: MIT */
/*
 * operator new and new[] without their deletes: plain, of an array with a count before it, and
 * with an alignment of its own.
 *
 * expect: unreachable memory 1 "plain < work" bytes=24
 * expect: unreachable memory 1 "array < work"
 * expect: unreachable memory 1 "aligned < work"
 */
#include <cstdio>
#include <string>

#include "../leaks.h"

struct point {
    double x, y, z;
};

struct alignas(64) line {
    point from, to;
};

NOINLINE static point *plain()
{
    return new point{1, 2, 3};
}

NOINLINE static std::string *array()
{
    return new std::string[3];
}

NOINLINE static line *aligned()
{
    return new line{};
}

NOINLINE static double work()
{
    point *one = plain();
    std::string *names = array();
    line *edge = aligned();
    double sum = one->x + static_cast<double>(names[2].size()) + edge->to.z;

    if (IS_FIXED) {
        delete one;
        delete[] names;
        delete edge;
    }
    return sum;
}

int main()
{
    std::printf("%g\n", work());
    return 0;
}
