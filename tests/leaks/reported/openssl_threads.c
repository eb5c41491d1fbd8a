/* SPDX-License-Identifier: MIT */
/*
 * A test makes a library context of its own, and returns when its first check fails, past the line
 * that gives it back.
 *
 * seen: openssl/openssl#24104 threadpool_test.c left its context in an early return
 * expect: unreachable memory 1 "new_context < test_default < main" parts=2
 */
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

struct context {
    void *providers, *threads;
};

NOINLINE static struct context *new_context(void)
{
    struct context *context = malloc(sizeof(*context));

    if (!context)
        exit(1);
    context->providers = calloc(8, 16);
    context->threads = calloc(4, 32);
    return context;
}

static void free_context(struct context *context)
{
    free(context->providers);
    free(context->threads);
    free(context);
}

NOINLINE static int test_default(int limit)
{
    struct context *context = new_context();

    keep(context);
    if (limit > 100) {
        if (IS_FIXED)
            free_context(context);
        return 0;
    }
    free_context(context);
    return 1;
}

int main(void)
{
    int passed = test_default(8);

    printf("%d\n", passed + test_default(1000));
    return 0;
}
