/* SPDX-License-Identifier: MIT */
/* What every cmocka unit of the tracker includes, in the order cmocka asks. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <pthread.h>

/* Runs `body` in `count` threads at once; each gets its number. */
#define THREADS_MAX 16
static inline void in_threads(int count, void *(*body)(void *))
{
    pthread_t threads[THREADS_MAX];
    for (intptr_t i = 0; i < count; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, body, (void *)i), 0);
    for (int i = 0; i < count; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

#endif
