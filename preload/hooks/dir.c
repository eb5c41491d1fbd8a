/* SPDX-License-Identifier: MIT */
/*
 * Directories: DIRs and the descriptors inside them.
 */
#include <dirent.h>

#include "preload/hooks/family.h"

ACQUIRES(directory, DIR *, opendir, (const char *path), (path))

HOOK(fdopendir);
HOOK_EXPORT DIR *fdopendir(int fd)
{
    DIR *directory = REAL(fdopendir)(fd);
    if (guard_may_record(GUARD_FRAME())) {
        struct call_site site = CALL_SITE();
        directory_adopted(&hook_fdopendir, &site, directory);
    }
    return directory;
}

HOOK(closedir);
HOOK_EXPORT int closedir(DIR *directory)
{
    if (!guard_may_record(GUARD_FRAME()))
        return REAL(closedir)(directory);
    struct call_site site = CALL_SITE();
    struct handle_release release = directory_releasing(&hook_closedir, &site, directory);
    int result = REAL(closedir)(directory);
    handle_released(&release, result);
    return result;
}
