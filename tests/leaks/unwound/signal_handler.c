/* SPDX-License-Identifier: MIT */
/*
 * A signal handler takes memory, which it should not, and forgets it. Its frames lie above a signal
 * frame, the second time on an alternate stack that is unmapped afterwards.
 *
 * valgrind: the one on the alternate stack without its callers
 * expect: unreachable memory 2 "note_signal < on_signal < main" bytes=48
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../leaks.h"

enum { STACK_BYTES = 64 << 10 };

static volatile sig_atomic_t seen;

NOINLINE static void note_signal(int number)
{
    int *note = malloc(24);

    if (!note)
        return;
    *note = number;
    keep(note);
    seen += *note == SIGUSR2;
    if (IS_FIXED)
        free(note);
}

static void on_signal(int number)
{
    note_signal(number);
}

static void *map_stack(void)
{
    return mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int main(void)
{
    stack_t stack = {.ss_sp = map_stack(), .ss_size = STACK_BYTES}, none = {.ss_flags = SS_DISABLE};
    struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGUSR2, &action, NULL);
    raise(SIGUSR2);
    sigaltstack(&stack, NULL);
    action.sa_flags = SA_ONSTACK;
    sigaction(SIGUSR2, &action, NULL);
    raise(SIGUSR2);
    sigaltstack(&none, NULL);
    munmap(stack.ss_sp, STACK_BYTES);
    printf("%d signals\n", (int)seen);
    return 0;
}
