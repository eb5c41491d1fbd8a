/* SPDX-License-Identifier: MIT */
/* Cleanups of C++, and of C in between, when an exception passes (test_defer_ends.py). */
#include <ctxtrace.hpp>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

extern "C" void call_between(void (*fn)(void));

static std::string order;

static void note(void *word)
{
    order += static_cast<const char *>(word);
}

static void throw_it()
{
    char letter[] = "m";
    CTX_DEFER
    {
        order += "l";
    };
    ctx_defer(note, letter);
    throw std::runtime_error("out");
}

static size_t count_pending()
{
    struct ctxtrace_pending row;
    size_t count = 0;
    while (ctx_defer_pending(count, &row) == 0)
        count++;
    return count;
}

static void keep_and_drop()
{
    std::unique_ptr<int> kept(new int(1));
    CTX_DEFER_AS(late)
    {
        order += *kept == 2 ? "2" : "1";
    };
    CTX_DEFER_AS(never)
    {
        order += "!";
    };
    CTX_DEFER_AS(now)
    {
        order += "n";
    };
    now.run();
    now.run();
    never.cancel();
    auto moved = std::move(late); /* and late has nothing left */
    order += std::to_string(count_pending());
    *kept = 2;
}

int main()
{
    keep_and_drop();
    std::printf("%s\n", order.c_str());
    order.clear();
    try {
        call_between(throw_it);
    } catch (const std::runtime_error &) {
        CTX_DEFER
        {
            order += "c";
        };
    }
    std::printf("%s\nskipped %d, pending %d\n", order.c_str(),
                static_cast<int>(ctx_counted(CTXTRACE_COUNT_CLEANUPS_SKIPPED)),
                static_cast<int>(count_pending()));
    return 0;
}
