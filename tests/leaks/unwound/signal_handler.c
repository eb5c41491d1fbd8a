/* SPDX-License-Identifier: MIT */
/*
 * A signal handler takes memory, which it should not, and forgets it. Its frames lie above a signal
 * frame, or on an alternate stack.
 *
 * expect: unreachable memory 2 "note_signal < on_signal < main" bytes=48
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

static char alternate[64 << 10];
static volatile sig_atomic_t seen;

NOINLINE static void note_signal(int number)
{
    int *note = malloc(24);

    if (!note)
        return;
    *note = number;
    seen += *note == SIGUSR2;
    if (IS_FIXED)
        free(note);
}

static void on_signal(int number)
{
    note_signal(number);
}

int main(void)
{
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
    struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGUSR2, &action, NULL);
    raise(SIGUSR2);
    sigaltstack(&stack, NULL);
    action.sa_flags = SA_ONSTACK;
    sigaction(SIGUSR2, &action, NULL);
    raise(SIGUSR2);
    printf("%d signals\n", (int)seen);
    return 0;
}
