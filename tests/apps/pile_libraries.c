/* SPDX-License-Identifier: MIT */
/*
 * Opens one library for each request and never closes it. What is loaded beside it, at
 * one place and once each, is loaded for good, as many programs do with their modules;
 * and a child that only ends has inherited all of it.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REQUESTS = 40 };

#ifdef FIXED
static const bool keep = false;
#else
static const bool keep = true;
#endif

static const char *const modules[] = {"libm.so.6",       "libdl.so.2",     "librt.so.1",
                                      "libpthread.so.0", "libresolv.so.2", "libutil.so.1"};

__attribute__((noinline)) static void serve(bool leak)
{
    void *library = dlopen("libm.so.6", RTLD_NOW);

    if (!library)
        puts("never");
    if (!leak)
        dlclose(library);
}

/* No handle, or one that needs no giving back. */
__attribute__((noinline)) static void ask(void)
{
    if (dlopen("/nowhere/plugin.so", RTLD_NOW) ||
        dlopen("libthread_db.so.1", RTLD_NOW | RTLD_NOLOAD))
        puts("never");
    if (!dlopen(NULL, RTLD_NOW))
        puts("never");
}

int main(void)
{
    pid_t child;

    for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
        dlopen(modules[i], RTLD_NOW);
    for (int i = 0; i < REQUESTS; i++) {
        serve(keep);
        serve(false);
        ask();
    }
    child = fork();
    if (child == 0)
        exit(0);
    waitpid(child, NULL, 0);
    return 0;
}
