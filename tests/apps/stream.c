/* SPDX-License-Identifier: MIT */
/* A FILE that is read and never closed; its descriptor belongs to it. */
#include <stdio.h>

__attribute__((noinline)) static FILE *open_table(void)
{
    FILE *table = fopen("/etc/passwd", "re");

    return table;
}

int main(void)
{
    char line[512];
    FILE *table = open_table();

    if (!table || !fgets(line, sizeof(line), table))
        return 1;
#ifdef FIXED
    fclose(table);
#endif
    puts("one line read");
    return 0;
}
