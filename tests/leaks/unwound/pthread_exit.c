/* SPDX-License-Identifier: MIT */
/*
 * A worker ends by pthread_exit in a function above its own cleanup. The stack is unwound, but
 * plain C has no destructors, and no cleanup handler was pushed: a buffer and a descriptor stay.
 *
 * expect: unreachable memory 1 "run_worker" bytes=500
 * expect: held-after-cancel fd 1 "open_input < run_worker" severity=warning
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../leaks.h"

struct work {
    char *buffer;
    int input;
};

static void clean_up(void *argument)
{
    struct work *work = argument;

    free(work->buffer);
    close(work->input);
}

NOINLINE static int open_input(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

NOINLINE static void read_input(const struct work *work)
{
    if (read(work->input, work->buffer, 500) == 0)
        pthread_exit(NULL);
}

static void *run_worker(void *unused)
{
    struct work work = {.buffer = malloc(500), .input = open_input()};

#ifdef FIXED
    pthread_cleanup_push(clean_up, &work);
    read_input(&work);
    pthread_cleanup_pop(1);
#else
    read_input(&work);
    clean_up(&work);
#endif
    return unused;
}

int main(void)
{
    pthread_t worker;

    if (pthread_create(&worker, NULL, run_worker, NULL) || pthread_join(worker, NULL))
        return 1;
    puts("input is empty");
    return 0;
}
