/* SPDX-License-Identifier: MIT */
/*
 * A hash table whose insert replaces the value of a key that it has, and forgets the old one.
 *
 * seen: redis/redis#14994 an example module kept the new string and orphaned the other
 * expect: unreachable memory 2 "new_value < set < main" bytes=96
 */
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

enum { BUCKETS = 16 };

static struct entry {
    int key;
    char *value;
} table[BUCKETS];

NOINLINE static char *new_value(int number)
{
    char *value = malloc(48);

    if (value)
        snprintf(value, 48, "value %d", number);
    return value;
}

NOINLINE static void set(int key, int number)
{
    struct entry *entry = &table[key % BUCKETS];

    if (entry->key == key && IS_FIXED)
        free(entry->value);
    entry->key = key;
    entry->value = new_value(number);
}

int main(void)
{
    set(3, 1);
    set(4, 2);
    set(3, 3);
    set(3, 4);
    puts(table[3].value);
    for (int bucket = 0; IS_FIXED && bucket < BUCKETS; bucket++)
        free(table[bucket].value);
    return 0;
}
