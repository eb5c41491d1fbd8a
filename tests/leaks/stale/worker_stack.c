/* SPDX-License-Identifier: MIT */
/*
 * The only pointers are in frames of a thread that has ended and was joined. libc keeps its stack
 * for the next thread: mapped, readable, full of old pointers, and nobody's.
 *
 * expect: unreachable memory 5 "take_note < work" bytes=200
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

NOINLINE static char *take_note(int number)
{
    char *note = malloc(40);

    if (note)
        snprintf(note, 40, "note %d", number);
    return note;
}

static void *work(void *unused)
{
    char *volatile notes[5];

    for (int number = 0; number < 5; number++)
        notes[number] = take_note(number);
    for (int number = 0; IS_FIXED && number < 5; number++)
        free(notes[number]);
    return unused;
}

int main(void)
{
    pthread_t worker;

    if (pthread_create(&worker, NULL, work, NULL) || pthread_join(worker, NULL))
        return 1;
    puts("joined");
    return 0;
}
