/* SPDX-License-Identifier: MIT */
/*
 * A thread sets its thread-specific value twice. Only the last one is given to the destructor.
 *
 * expect: unreachable memory 1 "set_name < work" bytes=64
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

static pthread_key_t name_key;

NOINLINE static void set_name(const char *name)
{
    char *copy = malloc(64);

    if (copy)
        snprintf(copy, 64, "%s", name);
    if (IS_FIXED)
        free(pthread_getspecific(name_key));
    pthread_setspecific(name_key, copy);
}

static void *work(void *unused)
{
    set_name("starting");
    set_name("working");
    return unused;
}

int main(void)
{
    pthread_t worker;

    if (pthread_key_create(&name_key, free) || pthread_create(&worker, NULL, work, NULL) ||
        pthread_join(worker, NULL))
        return 1;
    pthread_key_delete(name_key);
    puts("ended");
    return 0;
}
