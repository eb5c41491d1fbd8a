/* SPDX-License-Identifier: MIT */
/*
 * A cluster holds its elements, each of which holds the cluster, by shared_ptr.
 *
 * seen: boostorg/smart_ptr#71 reported as a leak of the library's: a cycle of two shared pointers
 * expect: unreachable memory 3 "add_elements < cluster_all < main" whole
 */
#include <cstdio>
#include <memory>
#include <vector>

#include "../leaks.h"

struct element;

struct cluster {
    std::shared_ptr<element> first, second;
    int size = 0;
};

struct element {
    std::shared_ptr<cluster> owner;
    int number = 0;
};

NOINLINE static std::shared_ptr<cluster> add_elements()
{
    auto made = std::make_shared<cluster>();

    made->first = std::make_shared<element>();
    made->second = std::make_shared<element>();
    made->first->owner = made;
    made->second->owner = made;
    made->size = 2;
    return made;
}

NOINLINE static int cluster_all()
{
    std::shared_ptr<cluster> made = add_elements();

    if (IS_FIXED)
        made->first->owner = made->second->owner = nullptr;
    return made->size;
}

int main()
{
    std::printf("%d\n", cluster_all());
    return 0;
}
