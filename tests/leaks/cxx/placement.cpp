/* SPDX-License-Identifier: MIT */
/*
 * An object is built in storage of the program's own, and the storage is used again without the
 * object's destructor: the string's characters are lost, the object was never on the heap.
 *
 * expect: unreachable memory 3 "set_name < rename_all < main"
 */
#include <cstdio>
#include <new>
#include <string>

#include "../leaks.h"

alignas(std::string) static unsigned char storage[sizeof(std::string)];

NOINLINE static std::string *set_name(int number)
{
    return new (storage) std::string(100, static_cast<char>('a' + number));
}

NOINLINE static std::size_t rename_all()
{
    std::size_t length = 0;

    for (int number = 0; number < 4; number++) {
        std::string *name = set_name(number);

        length += name->size();
        if (IS_FIXED || number == 3)
            name->~basic_string();
    }
    return length;
}

int main()
{
    std::printf("%zu\n", rename_all());
    return 0;
}
