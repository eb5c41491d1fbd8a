/* SPDX-License-Identifier: MIT */
/* A directory that is listed and never closed. */
#include <dirent.h>
#include <stdio.h>

__attribute__((noinline)) static DIR *open_folder(void)
{
    DIR *folder = opendir("/etc");

    return folder;
}

int main(void)
{
    DIR *folder = open_folder();
    int entries = 0;

    if (!folder)
        return 1;
    while (readdir(folder))
        entries++;
#ifdef FIXED
    closedir(folder);
#endif
    puts(entries > 2 ? "entries seen" : "empty");
    return 0;
}
