/* SPDX-License-Identifier: MIT */
#include "preload/facts/suppressions.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "preload/ground/arena.h"
#include "preload/facts/symbol.h"

#define TEXT_MOST 16384u

static _Atomic(const char *) text;

static bool has_sanitizer(void)
{
    static const char *const runtimes[] = {"__asan_init", "__lsan_init", "__tsan_init",
                                           "__msan_init", "__hwasan_init"};
    for (size_t i = 0; i < sizeof runtimes / sizeof runtimes[0]; i++)
        if (symbol_first(runtimes[i]))
            return true;
    return false;
}

void suppressions_ask(void)
{
    const char *(*ask)(void) = (const char *(*)(void))symbol_first("__lsan_default_suppressions");
    if (!ask || has_sanitizer())
        return;
    const char *said = ask();
    size_t length = 0;
    while (said && length < TEXT_MOST && said[length])
        length++;
    if (length)
        atomic_store(&text, arena_copy(said, length));
}

const char *suppressions_text(void)
{
    return atomic_load(&text);
}
