/* SPDX-License-Identifier: MIT */
/*
 * The same on a stack from mmap, which is unmapped at the end: the acquisition stack of what was
 * lost lies in memory that is gone, and had no thread of its own.
 *
 * expect: unreachable memory 2 "compute < step" bytes=144
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "../leaks.h"

enum { STACK_BYTES = 256 << 10 };

static ucontext_t scheduler, coroutine;
static long result;

NOINLINE static void compute(long number)
{
    long *values = calloc(9, sizeof(*values));

    if (!values)
        return;
    values[number] = number * number;
    keep(values);
    result += values[number];
    if (IS_FIXED)
        free(values);
}

static void step(void)
{
    compute(3);
    swapcontext(&coroutine, &scheduler);
    compute(4);
}

int main(void)
{
    void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

    if (stack == MAP_FAILED || getcontext(&coroutine))
        return 1;
    coroutine.uc_stack.ss_sp = stack;
    coroutine.uc_stack.ss_size = STACK_BYTES;
    coroutine.uc_link = &scheduler;
    makecontext(&coroutine, step, 0);
    swapcontext(&scheduler, &coroutine);
    swapcontext(&scheduler, &coroutine);
    munmap(stack, STACK_BYTES);
    /* swapcontext saved registers that still had old pointers. */
    memset(&coroutine, 0, sizeof(coroutine));
    memset(&scheduler, 0, sizeof(scheduler));
    printf("%ld\n", result);
    return 0;
}
