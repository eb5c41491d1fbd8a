/* SPDX-License-Identifier: MIT */
/*
 * A constructor throws behind its first step. No destructor runs for an object that was never
 * complete: what a raw pointer member had by then is lost.
 *
 * expect: unreachable memory 1 "new_table < database < open_database" bytes=1600
 */
#include <cstdio>
#include <memory>
#include <stdexcept>

#include "../leaks.h"

NOINLINE static int *new_table()
{
    return new int[400]();
}

struct database {
    int *table;
    std::unique_ptr<int[]> owned;

    NOINLINE explicit database(bool good) : table(new_table())
    {
        if (IS_FIXED) {
            owned.reset(table);
            table = nullptr;
        }
        keep(this);
        if (!good)
            throw std::runtime_error("no such database");
    }

    ~database() { delete[] table; }
    database(const database &) = delete;
    database &operator=(const database &) = delete;
};

NOINLINE static int open_database(bool good)
{
    try {
        database opened(good);

        keep(&opened);
        return 1;
    } catch (const std::exception &) {
        return 0;
    }
}

int main()
{
    int opened = open_database(true);

    opened += open_database(false);
    std::printf("%d opened\n", opened);
    return 0;
}
