/* SPDX-License-Identifier: MIT */
/*
 * A coroutine that waits for its next turn has the only pointers to three blocks on its stack. The
 * stack is a block from malloc or a mapping, and nobody's stack pointer is in it: what is on it is
 * reached through the context that main keeps.
 *
 * lsan: false for the stack from mmap
 * expect: nothing
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "../leaks.h"

enum { STACK_BYTES = 64 << 10 };

static ucontext_t scheduler, coroutine[2];
static void *volatile stacks[2];
static int next_one;

static void generate(void)
{
    int which = next_one;
    char *volatile words[3];

    for (int word = 0; word < 3; word++)
        words[word] = strdup("kept on a coroutine's stack");
    swapcontext(&coroutine[which], &scheduler);
    for (int word = 0; word < 3; word++)
        free(words[word]);
}

static void *make_stack(int which)
{
    if (which)
        return mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return malloc(STACK_BYTES);
}

int main(void)
{
    for (int which = 0; which < 2; which++) {
        stacks[which] = make_stack(which);
        getcontext(&coroutine[which]);
        coroutine[which].uc_stack.ss_sp = stacks[which];
        coroutine[which].uc_stack.ss_size = STACK_BYTES;
        coroutine[which].uc_link = &scheduler;
        next_one = which;
        makecontext(&coroutine[which], generate, 0);
        swapcontext(&scheduler, &coroutine[which]);
        if (IS_FIXED)
            swapcontext(&scheduler, &coroutine[which]);
    }
    puts("two coroutines wait");
    if (IS_FIXED) {
        free(stacks[0]);
        munmap(stacks[1], STACK_BYTES);
    }
    return 0;
}
