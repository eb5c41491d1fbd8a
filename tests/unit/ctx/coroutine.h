/* SPDX-License-Identifier: MIT */
/* Coroutines by makecontext, one level deep, for the units of cleanups. */
#ifndef TESTS_UNIT_CTX_COROUTINE_H
#define TESTS_UNIT_CTX_COROUTINE_H

#include <pthread.h>
#include <stdlib.h>
#include <ucontext.h>

#define COROUTINE_STACK (1 << 16)

/* TSan and helgrind take the switch for calls that never return. */
#ifdef __SANITIZE_THREAD__
#define CAN_SWITCH 0
#else
#define CAN_SWITCH (!getenv("CTX_TEST_BRIEF"))
#endif

struct coroutine {
    char *stack;
    void (*fn)(void *arg);
    void *arg;
    ucontext_t own, resumer;
};

/* Read anew by functions of their own: a coroutine may come back on another thread. */
static __thread struct coroutine *coroutine_now;

static __attribute__((noinline)) struct coroutine *coroutine_current(void)
{
    __asm__ volatile("");
    return coroutine_now;
}

static void coroutine_main(void)
{
    struct coroutine *one = coroutine_current();
    one->fn(one->arg);
    setcontext(&coroutine_current()->resumer);
}

static inline void coroutine_begin(struct coroutine *one, void (*fn)(void *arg), void *arg)
{
    one->fn = fn;
    one->arg = arg;
    getcontext(&one->own);
    one->own.uc_stack.ss_sp = one->stack;
    one->own.uc_stack.ss_size = COROUTINE_STACK;
    one->own.uc_link = NULL;
    makecontext(&one->own, coroutine_main, 0);
}

static inline void coroutine_enter(struct coroutine *one)
{
    struct coroutine *before = coroutine_now;
    coroutine_now = one;
    swapcontext(&one->resumer, &one->own);
    coroutine_now = before;
}

static inline void coroutine_leave(void)
{
    struct coroutine *one = coroutine_current();
    swapcontext(&one->own, &one->resumer);
}

#endif
