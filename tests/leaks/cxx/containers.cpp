/* SPDX-License-Identifier: MIT */
/*
 * Containers of raw pointers: an empty vector and an erased entry have given back the container's
 * own memory and nothing that it pointed to.
 *
 * expect: unreachable memory 4 "add_item < fill" bytes=160
 * expect: unreachable memory 1 "add_user < fill" bytes=48
 */
#include <cstdio>
#include <map>
#include <vector>

#include "../leaks.h"

struct item {
    char name[40];
};

struct user {
    char name[48];
};

static std::vector<item *> items;
static std::map<int, user *> users;

NOINLINE static void add_item()
{
    items.push_back(new item{"an item"});
}

NOINLINE static void add_user(int number)
{
    users[number] = new user{"a user"};
}

NOINLINE static void fill()
{
    for (int number = 0; number < 4; number++)
        add_item();
    add_user(1);
    add_user(2);
}

NOINLINE static void empty()
{
    if (IS_FIXED) {
        for (item *each : items)
            delete each;
        delete users[1];
    }
    /* clear() alone would leave the addresses in the vector's own block. */
    std::vector<item *>().swap(items);
    users.erase(1);
}

int main()
{
    fill();
    empty();
    std::printf("%zu and %zu\n", items.size(), users.size());
    /* The map itself is destroyed at exit, and would leave this one behind. */
    delete users[2];
    return 0;
}
