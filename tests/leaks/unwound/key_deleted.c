/* SPDX-License-Identifier: MIT */
/*
 * A key is deleted while the thread has a value under it: pthread_key_delete calls no destructors.
 * The next key gets the old one's place, and a value there writes over the only pointer. A library
 * that is unloaded and loaded again does this.
 *
 * expect: unreachable memory 1 "attach < load_library < main" bytes=300
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

static pthread_key_t key;

NOINLINE static void *attach(void)
{
    return calloc(3, 100);
}

NOINLINE static int load_library(void)
{
    return pthread_key_create(&key, free) || pthread_setspecific(key, attach());
}

static void unload_library(int is_last)
{
    if (is_last || IS_FIXED) {
        free(pthread_getspecific(key));
        pthread_setspecific(key, NULL);
    }
    pthread_key_delete(key);
}

int main(void)
{
    if (load_library())
        return 1;
    unload_library(0);
    if (load_library())
        return 1;
    unload_library(1);
    puts("loaded twice");
    return 0;
}
