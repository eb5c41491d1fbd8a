/* SPDX-License-Identifier: MIT */
/*
 * glob can fail and have found something before: what it found is to be freed all the same. Here
 * its error function stops it at a folder that is not there.
 *
 * seen: krb5/krb5#183 globfree was not called when glob had failed
 * expect: unreachable memory 1 "load_settings < main" parts=any
 */
#include <glob.h>
#include <stdio.h>

#include "../leaks.h"

static int stop(const char *path, int error)
{
    return *path && error;
}

NOINLINE static int load_settings(const char *first, const char *second)
{
    glob_t found = {0};
    int failed = glob(first, GLOB_ERR, stop, &found);

    if (!failed)
        failed = glob(second, GLOB_APPEND | GLOB_ERR, stop, &found);
    if (failed) {
        if (IS_FIXED)
            globfree(&found);
        return -1;
    }
    globfree(&found);
    return 0;
}

int main(void)
{
    printf("%d\n", load_settings("/etc/passw*", "/no/such/folder/*"));
    return 0;
}
