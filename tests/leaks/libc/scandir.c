/* SPDX-License-Identifier: MIT */
/*
 * scandir gives an array and one block for each entry. Freeing the array alone is half the work.
 *
 * expect: unreachable memory 3 "count_entries < main"
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../leaks.h"

static int is_wanted(const struct dirent *entry)
{
    return !strncmp(entry->d_name, "entry", 5);
}

NOINLINE static int count_entries(const char *folder)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_wanted, alphasort);

    for (int entry = 0; IS_FIXED && entry < count; entry++)
        free(entries[entry]);
    free(entries);
    return count;
}

int main(void)
{
    char folder[] = "/tmp/ctxtrace-leak-XXXXXX", path[64];
    int count;

    if (!mkdtemp(folder))
        return 1;
    for (int entry = 0; entry < 3; entry++) {
        snprintf(path, sizeof(path), "%s/entry%d", folder, entry);
        mkdir(path, 0700);
    }
    count = count_entries(folder);
    for (int entry = 0; entry < 3; entry++) {
        snprintf(path, sizeof(path), "%s/entry%d", folder, entry);
        rmdir(path);
    }
    rmdir(folder);
    printf("%d entries\n", count);
    return 0;
}
