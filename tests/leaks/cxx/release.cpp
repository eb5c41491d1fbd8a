/* SPDX-License-Identifier: MIT */
/*
 * unique_ptr::release() where reset() was meant: it hands the pointer to a caller who ignores it.
 *
 * expect: unreachable memory 1 "load < show < main" parts=1
 */
#include <cstdio>
#include <memory>
#include <string>

#include "../leaks.h"

struct picture {
    int width = 640, height = 480;
    std::unique_ptr<char[]> pixels = std::make_unique<char[]>(4096);
};

NOINLINE static std::unique_ptr<picture> load()
{
    return std::make_unique<picture>();
}

NOINLINE static int show()
{
    std::unique_ptr<picture> shown = load();
    int width = shown->width;

    if (IS_FIXED)
        shown.reset();
    else
        keep(shown.release());
    return width;
}

int main()
{
    std::printf("%d\n", show());
    return 0;
}
