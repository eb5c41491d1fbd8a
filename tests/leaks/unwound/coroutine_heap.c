/* SPDX-License-Identifier: MIT */
/*
 * A coroutine on a stack from malloc drops a block in each turn and ends. Its stack is freed, so
 * that the old pointers on it are in nobody's memory.
 *
 * expect: unreachable memory 3 "take_turn < generate" bytes=192
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "../leaks.h"

enum { STACK_BYTES = 64 << 10 };

static ucontext_t scheduler, coroutine;
static int turns;

NOINLINE static void take_turn(void)
{
    char *block = malloc(64);

    keep(block);
    turns += block != NULL;
    if (IS_FIXED)
        free(block);
}

static void generate(void)
{
    for (int turn = 0; turn < 3; turn++) {
        take_turn();
        swapcontext(&coroutine, &scheduler);
    }
}

NOINLINE static void run(void)
{
    void *stack = malloc(STACK_BYTES);

    if (getcontext(&coroutine) || !stack)
        exit(1);
    coroutine.uc_stack.ss_sp = stack;
    coroutine.uc_stack.ss_size = STACK_BYTES;
    coroutine.uc_link = &scheduler;
    makecontext(&coroutine, generate, 0);
    for (int turn = 0; turn < 4; turn++)
        swapcontext(&scheduler, &coroutine);
    free(stack);
    /* swapcontext saved registers that still had old pointers. */
    memset(&coroutine, 0, sizeof(coroutine));
    memset(&scheduler, 0, sizeof(scheduler));
}

int main(void)
{
    run();
    printf("%d turns\n", turns);
    return 0;
}
