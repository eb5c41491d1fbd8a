/* SPDX-License-Identifier: MIT */
/*
 * A function object that is to call itself again holds itself: a shared pointer to a std::function
 * that has captured that same pointer.
 *
 * seen: includeos/IncludeOS#602 the loop over sectors was never released, nor what it captured
 * expect: unreachable memory 2 "read_sectors < main" whole
 */
#include <cstdio>
#include <functional>
#include <memory>

#include "../leaks.h"

NOINLINE static int read_sectors(int last)
{
    auto next = std::make_shared<std::function<void(int)>>();
    int sum = 0, *total = &sum;
    std::weak_ptr<std::function<void(int)>> weak = next;

    if (IS_FIXED)
        *next = [total, weak, last](int sector) {
            *total += sector;
            if (sector < last)
                (*weak.lock())(sector + 1);
        };
    else
        *next = [total, next, last](int sector) {
            *total += sector;
            if (sector < last)
                (*next)(sector + 1);
        };
    (*next)(1);
    return sum;
}

int main()
{
    std::printf("%d\n", read_sectors(6));
    return 0;
}
