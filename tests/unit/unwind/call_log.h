/* SPDX-License-Identifier: MIT */
/*
 * A generated program's log of its own calls, and what its functions call.
 *
 * Each function of the program lies in a section of its own, so that a pc tells
 * the function, and puts its number on the log first of all: CALL_ENTER. Nobody
 * takes it off: who called it sets the log back (CALL_BACK) after each call, and
 * where longjmp or an exception arrives. Handlers and callbacks, which nobody of
 * ours called, take themselves off (CALL_LEAVE). Each thread and each coroutine
 * has its own log. The capture preload compares it with the stack that it walks.
 *
 * A function that tail-calls says so with the address of its frame (CALL_TAIL);
 * the one that it calls takes it off the log when it finds itself in the same
 * place (CALL_ENTER_TARGET): compilers may make the jump, or not.
 *
 * Included by each object; the program's main one defines CALL_LOG_MAIN.
 */
#ifndef CALL_LOG_H
#define CALL_LOG_H

#include <alloca.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LOG_DEPTH  2000
#define JUMPS      8
#define COROUTINES 2
#define ASIDE_MOST 3 /* handlers and callbacks within each other */
#define STACK_SIZE (4u << 20)
#define EXPORT     __attribute__((visibility("default")))
#if defined(__clang__)
#define FUNCTION(id) EXPORT __attribute__((noinline, section("fn_" #id)))
#define TAIL_CALL    __attribute__((musttail)) return
#else
#define FUNCTION(id) EXPORT __attribute__((noinline, noclone, section("fn_" #id)))
#define TAIL_CALL    return
#endif
#define TOUCH(p) __asm__ volatile("" ::"r"(p) : "memory")

struct call_log {
    unsigned count;
    uint32_t ids[LOG_DEPTH];
    void *tails[LOG_DEPTH];       /* the frame of one that has tail-called, or NULL */
    unsigned jumps, tries, aside; /* longjmp's targets; try blocks; in a handler or callback */
    sigjmp_buf jump[JUMPS];
};

struct call_range {
    const char *start, *end;
    uint32_t id;
};

/* What happened, so that a test of nothing is told. */
struct call_counts {
    unsigned long tails, jumps, throws, handlers, callbacks, resumes, threads;
};

extern EXPORT __thread struct call_log *call_log_now;
extern EXPORT struct call_counts call_counts;
extern EXPORT volatile int call_fuel;
extern EXPORT int (*const call_entries[])(unsigned);
extern EXPORT const unsigned call_entry_count;
extern EXPORT void (*const call_handlers[])(int);
extern EXPORT const unsigned call_handler_count;

EXPORT void call_ranges(const struct call_range *ranges, unsigned count);
EXPORT unsigned call_log_read(const uint32_t **ret_ids);
EXPORT int call_log_find(uintptr_t pc);
EXPORT unsigned call_random(unsigned below);
EXPORT void call_resume(unsigned n);
EXPORT void call_yield(void);
EXPORT void call_thread(unsigned n);
EXPORT void call_look(unsigned n);

#define CALL_ENTER(id)        call_enter(id)
#define CALL_ENTER_TARGET(id) (call_target(__builtin_dwarf_cfa()), call_enter(id))
#define CALL_TAIL(mark)       (call_log_now->tails[mark] = __builtin_dwarf_cfa())
#define CALL_BACK(mark)       ((void)(call_log_now->count = (mark) + 1))
#define CALL_LEAVE(mark)      ((void)(call_log_now->count = (mark)))

static inline unsigned call_enter(uint32_t id)
{
    struct call_log *log = call_log_now;
    unsigned mark = log->count;
    log->tails[mark] = NULL;
    log->ids[mark] = id;
    log->count = mark + 1;
    return mark;
}

static inline void call_target(void *frame)
{
    struct call_log *log = call_log_now;
    if (log->count && log->tails[log->count - 1] == frame) {
        log->count--;
        call_counts.tails++;
    }
}

static inline int call_may(unsigned n)
{
    return n > 0 && call_log_now->count < LOG_DEPTH - 64 && call_fuel-- > 0;
}

#ifdef CALL_LOG_MAIN

#define RANGES 512

static struct call_log main_log;
__thread struct call_log *call_log_now;
struct call_counts call_counts;
volatile int call_fuel;

static struct call_range all_ranges[RANGES];
static unsigned range_count;
static __thread uint64_t random_state = 1;

void call_ranges(const struct call_range *ranges, unsigned count)
{
    memcpy(all_ranges + range_count, ranges, count * sizeof *ranges);
    range_count += count;
}

unsigned call_log_read(const uint32_t **ret_ids)
{
    struct call_log *log = call_log_now;
    *ret_ids = log ? log->ids : NULL;
    return log ? log->count : 0;
}

int call_log_find(uintptr_t pc)
{
    for (unsigned i = 0; i < range_count; i++)
        if (pc >= (uintptr_t)all_ranges[i].start && pc < (uintptr_t)all_ranges[i].end)
            return (int)all_ranges[i].id;
    return -1;
}

unsigned call_random(unsigned below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state >> 33) % below;
}

/* One of the functions that the preload watches. */
void call_look(unsigned n)
{
    char c = 0;
    void *block;
    switch (n % 4) {
    case 0:
        block = malloc(n + 1);
        break;
    case 1:
        block = calloc(1, n + 1);
        break;
    case 2:
        block = realloc(NULL, n + 1);
        break;
    default:
        block = NULL;
        call_fuel += write(-1, &c, 1) > 0;
    }
    TOUCH(block);
    free(block);
}

static void *stack_make(void)
{
    void *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED)
        abort();
    mprotect(stack, 4096, PROT_NONE);
    return stack;
}

static void *alternate_make(void)
{
    stack_t stack;
    memset(&stack, 0, sizeof stack);
    stack.ss_sp = stack_make();
    stack.ss_size = STACK_SIZE;
    sigaltstack(&stack, NULL);
    return stack.ss_sp;
}

/* Coroutines of the main thread; each goes on for ever. */
static struct {
    ucontext_t context;
    struct call_log log;
    int active;
} coroutines[COROUTINES];
static ucontext_t resumer;
static struct call_log *resumer_log;
static int inside = -1;

static void coroutine_main(void)
{
    for (;;) {
        call_entries[call_random(call_entry_count)](2 + call_random(10));
        call_log_now->count = 0;
        call_yield();
    }
}

void call_yield(void)
{
    if (inside < 0 || call_log_now != &coroutines[inside].log || call_log_now->aside)
        return;
    call_log_now = resumer_log;
    swapcontext(&coroutines[inside].context, &resumer);
}

void call_resume(unsigned n)
{
    unsigned k = n % COROUTINES;
    if (inside >= 0 || call_log_now != &main_log || main_log.aside)
        return;
    if (!coroutines[k].active) {
        coroutines[k].active = 1;
        getcontext(&coroutines[k].context);
        coroutines[k].context.uc_stack.ss_sp = stack_make();
        coroutines[k].context.uc_stack.ss_size = STACK_SIZE;
        coroutines[k].context.uc_link = NULL;
        makecontext(&coroutines[k].context, coroutine_main, 0);
    }
    call_counts.resumes++;
    resumer_log = call_log_now;
    inside = (int)k;
    call_log_now = &coroutines[k].log;
    swapcontext(&resumer, &coroutines[k].context);
    inside = -1;
}

static void *thread_main(void *arg)
{
    struct call_log *log = (struct call_log *)calloc(1, sizeof *log);
    void *alternate = alternate_make();
    random_state = (uintptr_t)arg + 77;
    call_log_now = log;
    call_entries[call_random(call_entry_count)]((unsigned)(uintptr_t)arg % 12);
    call_log_now = NULL;
    stack_t none;
    memset(&none, 0, sizeof none);
    none.ss_flags = SS_DISABLE;
    sigaltstack(&none, NULL);
    munmap(alternate, STACK_SIZE);
    free(log);
    return NULL;
}

void call_thread(unsigned n)
{
    pthread_t thread;
    if (call_log_now->aside)
        return;
    call_counts.threads++;
    if (pthread_create(&thread, NULL, thread_main, (void *)(uintptr_t)n) == 0)
        pthread_join(thread, NULL);
}

/* USR1 and TRAP on the alternate stack, USR2 where it came. */
static void handlers_set(void)
{
    static const int numbers[] = {SIGUSR1, SIGTRAP, SIGUSR2};
    for (unsigned i = 0; i < 3; i++) {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_handler = call_handlers[i % call_handler_count];
        action.sa_flags = SA_NODEFER | (i < 2 ? SA_ONSTACK : 0);
        sigaction(numbers[i], &action, NULL);
    }
    alternate_make();
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 10;
    random_state = argc > 2 ? (uint64_t)atoll(argv[2]) * 2654435761u + 1 : 1;
    handlers_set();
    call_log_now = &main_log;
    for (unsigned i = 0; i < rounds; i++) {
        call_fuel = 150;
        call_entries[call_random(call_entry_count)](3 + call_random(25));
        main_log.count = 0;
    }
    call_log_now = NULL;
    printf("tails=%lu jumps=%lu throws=%lu handlers=%lu callbacks=%lu resumes=%lu threads=%lu\n",
           call_counts.tails, call_counts.jumps, call_counts.throws, call_counts.handlers,
           call_counts.callbacks, call_counts.resumes, call_counts.threads);
    return 0;
}

#endif

#ifdef __cplusplus
}

/* A frame with something to destroy: the log as it is while that is done. */
struct Guard {
    unsigned mark;
    explicit Guard(unsigned at) : mark(at) {}
    ~Guard()
    {
        CALL_BACK(mark);
        call_look(mark);
        CALL_BACK(mark);
    }
};
#endif
#endif
