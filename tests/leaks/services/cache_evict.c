/* SPDX-License-Identifier: MIT */
/*
 * A cache of eight entries throws out the oldest: it frees the entry's key and writes over the
 * address of its page.
 *
 * expect: unreachable memory 12 "load_page < fetch < main" bytes=24576
 */
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

enum { ENTRIES = 8, PAGE_BYTES = 2048, FETCHES = 20 };

static struct entry {
    char *key;
    char *page;
} cache[ENTRIES];

static int next_victim;

NOINLINE static char *load_page(int number)
{
    char *page = malloc(PAGE_BYTES);

    if (page)
        snprintf(page, PAGE_BYTES, "page %d", number);
    return page;
}

static void evict(struct entry *entry)
{
    free(entry->key);
    if (IS_FIXED)
        free(entry->page);
}

NOINLINE static const char *fetch(int number)
{
    struct entry *entry = &cache[next_victim++ % ENTRIES];

    evict(entry);
    entry->key = malloc(16);
    entry->page = load_page(number);
    return entry->page;
}

int main(void)
{
    for (int number = 0; number < FETCHES; number++)
        fetch(number);
    puts(cache[0].page);
    for (int entry = 0; IS_FIXED && entry < ENTRIES; entry++)
        evict(&cache[entry]);
    return 0;
}
