/* SPDX-License-Identifier: MIT */
/*
 * A global pointer is set a second time; what it pointed to before is lost, what it points to now
 * is held and no leak.
 *
 * expect: unreachable memory 1 "load_settings < reload < main" bytes=48
 */
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

struct settings {
    int version;
    char name[44];
};

static struct settings *volatile current;

NOINLINE static struct settings *load_settings(int version)
{
    struct settings *settings = calloc(1, sizeof(*settings));

    if (settings) {
        settings->version = version;
        snprintf(settings->name, sizeof(settings->name), "v%d", version);
    }
    return settings;
}

NOINLINE static void reload(int version)
{
    struct settings *settings = load_settings(version);

    if (IS_FIXED)
        free(current);
    current = settings;
}

int main(void)
{
    reload(1);
    reload(2);
    puts(current ? current->name : "?");
    return 0;
}
