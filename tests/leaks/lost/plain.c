/* SPDX-License-Identifier: MIT */
/*
 * The plainest leak: a record is made, read and dropped, three times. The last of the three is what
 * tools miss first, since its address may still stand in a slot that nothing has written over.
 *
 * expect: unreachable memory 3 "make_record < sum_records < main" bytes=72
 */
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

struct record {
    long key, value, weight;
};

NOINLINE static struct record *make_record(long key)
{
    struct record *record = malloc(sizeof(*record));

    if (record)
        *record = (struct record){.key = key, .value = key * 7, .weight = 1};
    return record;
}

NOINLINE static long sum_records(void)
{
    long sum = 0;

    for (long key = 0; key < 3; key++) {
        struct record *record = make_record(key);

        sum += record ? record->value : 0;
        if (IS_FIXED)
            free(record);
    }
    return sum;
}

int main(void)
{
    printf("%ld\n", sum_records());
    return 0;
}
