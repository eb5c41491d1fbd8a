/* SPDX-License-Identifier: MIT */
/*
 * A function that looks for one entry of a folder returns from inside its loop, and leaves the
 * folder open.
 *
 * expect: held-at-exit dir 1 "has_entry < main" severity=warning by=unreachable
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "../leaks.h"

NOINLINE static int has_entry(const char *folder, const char *name)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    if (!dir)
        return 0;
    while ((entry = readdir(dir))) {
        if (!strcmp(entry->d_name, name)) {
            if (IS_FIXED)
                closedir(dir);
            return 1;
        }
    }
    closedir(dir);
    return 0;
}

int main(void)
{
    printf("%d\n", has_entry("/proc/self", "fd") + has_entry("/proc/self", "none"));
    return 0;
}
