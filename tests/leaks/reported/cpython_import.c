/* SPDX-License-Identifier: MIT */
/*
 * A module's file is opened first; two of the checks that follow leave through the label that does
 * not close it.
 *
 * seen: python/cpython#142776 two paths of _imp_create_dynamic leave the file open
 * expect: held-at-exit stream 2 "open_module < main" severity=warning by=unreachable
 */
#include <stdio.h>
#include <string.h>

#include "../leaks.h"

NOINLINE static FILE *open_module(const char *path)
{
    return fopen(path, "re");
}

NOINLINE static int create_module(const char *path, const char *name)
{
    FILE *file = open_module(path);
    int result = -1;

    if (!file)
        return -1;
    if (!*name || strlen(name) > 20)
        goto finally;
    result = getc(file) != EOF;
    fclose(file);
    return result;
finally:
    if (IS_FIXED)
        fclose(file);
    return result;
}

int main(void)
{
    int sum = create_module("/etc/passwd", "good") + create_module("/etc/passwd", "");

    printf("%d\n", sum + create_module("/etc/passwd", "a name that is much too long"));
    return 0;
}
