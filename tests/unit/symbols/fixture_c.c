/* SPDX-License-Identifier: MIT */
/*
 * A C program for the symbolizer's test: inlining two deep, a cold part, a
 * static function, recursion, and a function under two names. It is run never,
 * only read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline __attribute__((always_inline)) unsigned mix(unsigned value, unsigned salt)
{
    value ^= salt * 2654435761u;
    value = (value << 13) | (value >> 19);
    return value * 5 + 0xe6546b64u;
}

static inline __attribute__((always_inline)) unsigned mix_all(const char *text)
{
    unsigned value = 0;

    while (*text)
        value = mix(value, (unsigned char)*text++);
    return value;
}

unsigned text_hash(const char *text);
unsigned text_digest(const char *text) __attribute__((alias("text_hash")));

__attribute__((noinline)) unsigned text_hash(const char *text)
{
    if (!text) {
        fputs("no text\n", stderr);
        abort();
    }
    return mix_all(text) ^ mix(7, 9);
}

struct item {
    struct item *next;
    char name[32];
    unsigned hash;
};

static __attribute__((noinline)) struct item *item_new(struct item *next, const char *name)
{
    struct item *item = malloc(sizeof(*item));

    if (!item)
        return next;
    item->next = next;
    strncpy(item->name, name, sizeof(item->name) - 1);
    item->name[sizeof(item->name) - 1] = 0;
    item->hash = text_hash(item->name);
    return item;
}

static __attribute__((noinline)) unsigned items_sum(const struct item *item)
{
    return item ? item->hash + mix(items_sum(item->next), item->hash) : 0;
}

static int item_compare(const void *left, const void *right)
{
    const struct item *a = *(struct item *const *)left;
    const struct item *b = *(struct item *const *)right;

    return a->hash < b->hash ? -1 : a->hash > b->hash;
}

int main(int argc, char **argv)
{
    struct item *items = NULL;
    struct item *sorted[64] = {0};
    size_t count = 0;

    for (int i = 0; i < argc; i++)
        items = item_new(items, argv[i]);
    for (struct item *item = items; item && count < 64; item = item->next)
        sorted[count++] = item;
    qsort(sorted, count, sizeof(sorted[0]), item_compare);
    for (size_t i = 0; i < count; i++)
        printf("%08x %s\n", sorted[i]->hash, sorted[i]->name);
    printf("%08x %08x\n", items_sum(items), text_digest(argv[0]));
    return 0;
}
