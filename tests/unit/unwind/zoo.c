/* SPDX-License-Identifier: MIT */
/*
 * Every kind of frame that a compiler makes, with a call that the differential
 * test observes at the bottom of each. Compiled by gcc and clang at -O0 to -O3,
 * with and without frame pointers.
 *
 *   zoo ROUNDS    calls, threads, and a timer that interrupts them
 *   zoo step      single-steps: a handler looks at the stack at every
 *                 instruction, prologues, epilogues, PLT and lazy binding too
 */
#include <alloca.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#define NOINLINE    __attribute__((noinline))
#define STACK_BYTES (256 * 1024)
#define TICK_US     300
#define TRAP_FLAG   0x100 /* in eflags */

static volatile unsigned sink;
static volatile int stepping;

/* Safe in a signal handler, unlike malloc, and observed as well. */
static NOINLINE void look(void)
{
    char c = 0;
    sink += (unsigned)write(-1, &c, 1);
}

/* While stepping, the handler is the one that looks. */
static NOINLINE void touch(void)
{
    if (!stepping)
        look();
    else
        sink += (unsigned)getppid();
}

static NOINLINE void block(size_t bytes)
{
    if (stepping) {
        touch();
        return;
    }
    char *p = malloc(bytes);
    if (p)
        p[0] = (char)sink;
    touch();
    free(p);
}

static NOINLINE unsigned recursion(unsigned depth)
{
    if (depth == 0)
        block(24);
    else
        sink += recursion(depth - 1);
    return depth + sink;
}

static NOINLINE unsigned variable_frame(unsigned n)
{
    char *p = alloca(n * 32 + 1);
    memset(p, (int)n, n * 32 + 1);
    block(n + 1);
    return (unsigned)p[n] + (n ? variable_frame(n - 1) : 0);
}

/* Stack realigned: the CFA is found through memory (gcc), or by rbp (clang). */
static NOINLINE unsigned realigned(unsigned n, unsigned a, unsigned b, unsigned c, unsigned d,
                                   unsigned e, unsigned f, unsigned on_stack)
{
    _Alignas(64) char line[64];
    memset(line, (int)n, sizeof line);
    block(64);
    sink += (unsigned)line[n & 63] + a + b + c + d + e + f + on_stack;
    return n ? realigned(n - 1, a, b, c, d, e, f, on_stack + 1) : 0;
}

static NOINLINE unsigned realigned_variable(unsigned n)
{
    _Alignas(32) char line[32];
    char *p = alloca(n + 40);
    memset(line, 1, sizeof line);
    memset(p, 2, n + 40);
    block(n);
    return (unsigned)(line[n & 31] + p[n]) + (n ? realigned_variable(n - 1) : 0);
}

static NOINLINE int variadic(int count, ...)
{
    va_list list;
    int sum = 0;
    va_start(list, count);
    while (count-- > 0)
        sum += va_arg(list, int);
    va_end(list);
    block((size_t)sum);
    return sum;
}

static NOINLINE double wide(double a, double b, double c)
{
    char large[70000];
    memset(large, (int)a, sizeof large);
    block(100);
    return a * b + c + large[(unsigned)b];
}

static int order(const void *a, const void *b)
{
    touch();
    return *(const int *)a - *(const int *)b;
}

static void callbacks(void)
{
    int values[16];
    for (int i = 0; i < 16; i++)
        values[i] = (i * 7) % 16;
    qsort(values, 16, sizeof values[0], order);
}

static jmp_buf back;

static NOINLINE void leave(unsigned depth)
{
    block(8);
    if (depth > 0)
        leave(depth - 1);
    if (depth == 0 || sink == 1)
        longjmp(back, 1);
    touch();
}

static void jumps(void)
{
    if (setjmp(back) == 0)
        leave(5);
    block(16);
}

static ucontext_t main_context, coroutine_context;

static void alarms(int how)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(how, &set, NULL);
}

/* Not interrupted: glibc's own rules are wrong between its loading of rsp and its
 * push of the address to return to. */
static void switch_to(ucontext_t *from, ucontext_t *to)
{
    alarms(SIG_BLOCK);
    swapcontext(from, to);
    alarms(SIG_UNBLOCK);
}

static void coroutine(void)
{
    alarms(SIG_UNBLOCK);
    for (unsigned i = 0;; i++) {
        recursion(i % 6);
        switch_to(&coroutine_context, &main_context);
    }
}

static void coroutine_begin(void)
{
    static char stack[STACK_BYTES];
    alarms(SIG_BLOCK);
    getcontext(&coroutine_context);
    alarms(SIG_UNBLOCK);
    coroutine_context.uc_stack.ss_sp = stack;
    coroutine_context.uc_stack.ss_size = sizeof stack;
    coroutine_context.uc_link = NULL;
    makecontext(&coroutine_context, coroutine, 0);
}

static NOINLINE void handler_depth(unsigned n)
{
    if (n)
        handler_depth(n - 1);
    touch();
}

static void handler(int number)
{
    handler_depth(number == SIGUSR2 ? 3 : 1);
}

static void handler_info(int number, siginfo_t *info, void *context)
{
    touch();
    sink += (unsigned)(info->si_signo + (context != NULL) + number);
}

static void alternate_begin(void)
{
    static char alternate[STACK_BYTES];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    sigaltstack(&stack, NULL);
}

static void signals_begin(void)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK | SA_RESTART};
    alternate_begin();
    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    action.sa_sigaction = handler_info;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigaction(SIGUSR1, &action, NULL);
    /* Interrupts whatever runs, also in prologues, epilogues and PLTs. */
    struct itimerval tick = {{0, TICK_US}, {0, TICK_US}};
    setitimer(ITIMER_REAL, &tick, NULL);
}

static NOINLINE unsigned text_work(unsigned n)
{
    char text[128];
    for (unsigned i = 0; i < (stepping ? 2 : 50); i++) {
        snprintf(text, sizeof text, "%u %s %f", n + i, "some words", (double)n / 3);
        sink += (unsigned)strlen(text) + (unsigned)strtol(text, NULL, 10);
    }
    return sink;
}

static void round_once(unsigned n)
{
    recursion(n % 40);
    variable_frame(n % 9);
    realigned(n % 7, 1, 2, 3, 4, 5, 6, 7);
    realigned_variable(n % 5);
    sink += (unsigned)variadic(3, 1, 2, (int)(n % 50));
    sink += (unsigned)wide(n, 2, 3);
    callbacks();
    jumps();
    text_work(n);
    switch_to(&main_context, &coroutine_context);
    raise(n % 2 ? SIGUSR1 : SIGUSR2);
}

/* From the handler's return on, the processor traps after each instruction. */
static void trap_handler(int number, siginfo_t *info, void *context)
{
    ucontext_t *interrupted = context;
    sink += (unsigned)(number + info->si_signo);
    if (stepping)
        interrupted->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
    else
        interrupted->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
    if (number == SIGTRAP)
        look();
}

/* Not switch_to. */
static NOINLINE void steps(void)
{
    struct sigaction action = {.sa_sigaction = trap_handler, .sa_flags = SA_ONSTACK | SA_SIGINFO};
    sigaction(SIGTRAP, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    stepping = 1;
    kill(getpid(), SIGUSR1);
    recursion(2);
    variable_frame(2);
#ifdef __OPTIMIZE__ /* gcc -O0: wrong rules in the epilogue, libunwind dies of them */
    realigned(1, 1, 2, 3, 4, 5, 6, 7);
    realigned_variable(1);
#endif
    variadic(2, 3, 4);
    callbacks();
    jumps();
    text_work(1);
    stepping = 0;
}

static void *thread(void *arg)
{
    for (unsigned i = 0; i < (unsigned)(uintptr_t)arg; i++) {
        recursion(i % 12);
        variable_frame(i % 4);
        realigned(i % 3, 1, 2, 3, 4, 5, 6, 7);
    }
    return arg;
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 20;
    pthread_t other;
    coroutine_begin();
    if (argc > 1 && strcmp(argv[1], "step") == 0) {
        alternate_begin();
        steps();
        return 0;
    }
    signals_begin();
    pthread_create(&other, NULL, thread, (void *)(uintptr_t)rounds);
    for (unsigned n = 0; n < rounds; n++)
        round_once(n);
    pthread_join(other, NULL);
    return 0;
}
