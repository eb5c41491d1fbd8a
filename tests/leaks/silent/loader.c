/* SPDX-License-Identifier: MIT */
/*
 * Libraries that are loaded and unloaded, one that stays, an error of dlopen's whose text is kept
 * for the thread, a symbol that is not there: the loader's own blocks are no leaks.
 *
 * expect: nothing
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

#include "../leaks.h"

static void *load(void *stays)
{
    void *library = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);

    keep(dlopen("/no/such/library.so", RTLD_NOW));
    keep(dlerror());
    keep(dlopen("/nor/this/one.so", RTLD_NOW));
    if (library && !stays)
        dlclose(library);
    return library;
}

int main(void)
{
    void *first = load(NULL), *last = NULL;
    char stays[] = "it stays";
    pthread_t worker;

    if (pthread_create(&worker, NULL, load, stays) || pthread_join(worker, &last))
        return 1;
    printf("%d\n", first && last && dlsym(last, "cos") && !dlsym(last, "no_such_function"));
    return 0;
}
