/* SPDX-License-Identifier: MIT */
/*
 * Four workers wait for their input in read() and are cancelled there, each with a buffer and a
 * copy of the descriptor of its own.
 *
 * expect: unreachable memory 4 "new_buffer < wait_for_input" bytes=4096
 * expect: held-after-cancel pipe 4 "copy_input < wait_for_input" severity=warning
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../leaks.h"

enum { WORKERS = 4, BUFFER_BYTES = 1024 };

static int input[2];

struct wait {
    char *buffer;
    int fd;
};

static void clean_up(void *argument)
{
    struct wait *wait = argument;

    free(wait->buffer);
    close(wait->fd);
}

NOINLINE static char *new_buffer(void)
{
    return malloc(BUFFER_BYTES);
}

NOINLINE static int copy_input(void)
{
    return fcntl(input[0], F_DUPFD_CLOEXEC, 0);
}

static void *wait_for_input(void *unused)
{
    struct wait wait = {.buffer = new_buffer(), .fd = copy_input()};

#ifdef FIXED
    pthread_cleanup_push(clean_up, &wait);
    read(wait.fd, wait.buffer, BUFFER_BYTES);
    pthread_cleanup_pop(1);
#else
    read(wait.fd, wait.buffer, BUFFER_BYTES);
    clean_up(&wait);
#endif
    return unused;
}

int main(void)
{
    pthread_t workers[WORKERS];

    if (pipe2(input, O_CLOEXEC))
        return 1;
    for (int worker = 0; worker < WORKERS; worker++)
        pthread_create(&workers[worker], NULL, wait_for_input, NULL);
    /* They block by then; one that is late is cancelled there all the same. */
    usleep(20000);
    for (int worker = 0; worker < WORKERS; worker++)
        pthread_cancel(workers[worker]);
    for (int worker = 0; worker < WORKERS; worker++)
        pthread_join(workers[worker], NULL);
    close(input[0]);
    close(input[1]);
    puts("all cancelled");
    return 0;
}
