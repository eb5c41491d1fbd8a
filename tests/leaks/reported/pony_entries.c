/* SPDX-License-Identifier: MIT */
/*
 * A folder is opened by openat, and a stream of its entries made by fdopendir. That fails for what
 * is no folder; the descriptor is still the caller's.
 *
 * seen: ponylang/ponyc#4825 the descriptor stays open when fdopendir fails
 * expect: pile-up fd 20 "open_entry < list < main" severity=warning
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "../leaks.h"

NOINLINE static int open_entry(const char *path)
{
    return openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
}

NOINLINE static int list(const char *path)
{
    int fd = open_entry(path);
    DIR *dir = fdopendir(fd);

    if (!dir) {
        if (IS_FIXED)
            close(fd);
        return -1;
    }
    closedir(dir);
    return 0;
}

int main(void)
{
    int failed = list("/proc/self") < 0;

    for (int turn = 0; turn < 20; turn++)
        failed += list("/etc/passwd") < 0;
    printf("%d failed\n", failed);
    return 0;
}
