/* SPDX-License-Identifier: MIT */
/*
 * What the C++ runtime keeps: the pool for exceptions when memory is short, locales and facets,
 * thread-local objects with destructors, static objects that are destroyed at exit.
 *
 * expect: nothing
 */
#include <iostream>
#include <locale>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "../leaks.h"

static thread_local std::string scratch;

static std::string &registry()
{
    static std::string *all = new std::string(500, 'r');

    return *all;
}

static void work()
{
    scratch.assign(300, 's');
    try {
        throw std::runtime_error(scratch);
    } catch (const std::exception &error) {
        registry() += error.what()[0];
    }
    std::ostringstream text;
    text.imbue(std::locale::classic());
    text << 3.25 << std::hex << 255 << scratch.size();
    registry() += text.str();
}

int main()
{
    std::thread worker(work);

    worker.join();
    work();
    std::cout << registry().size() << ' ' << std::regex_match("2026", std::regex("[0-9]+")) << '\n';
    return 0;
}
