/* SPDX-License-Identifier: MIT */
/*
 * A key is deleted while a thread still has a value under it: pthread_key_delete calls no
 * destructors, the value is lost. libraries that are unloaded do this.
 *
 * expect: unreachable memory 1 "attach < main" bytes=300
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

static pthread_key_t key;

NOINLINE static int attach(void)
{
    return pthread_setspecific(key, calloc(3, 100));
}

int main(void)
{
    if (pthread_key_create(&key, free) || attach())
        return 1;
    if (IS_FIXED) {
        free(pthread_getspecific(key));
        pthread_setspecific(key, NULL);
    }
    pthread_key_delete(key);
    puts("detached");
    return 0;
}
