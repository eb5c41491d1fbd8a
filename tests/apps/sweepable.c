/* SPDX-License-Identifier: MIT */
/*
 * Four places that ask for memory: one looks at the result, one does not, one gives up
 * on the descriptor that it had opened, one asks again for ever.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((noinline)) static void look(void)
{
    char *block = malloc(100);

    if (block)
        block[0] = 1;
    free(block);
}

__attribute__((noinline)) static void forget_to_look(void)
{
    char *block = malloc(200);

#ifdef FIXED
    if (!block)
        exit(3);
#endif
    memset(block, 1, 200);
    free(block);
}

/* In a thread, so that what it leaves is left by somebody who has ended. */
static void *leave_open(void *unused)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    char *block = malloc(300);

    (void)unused;
    if (!block) {
#ifdef FIXED
        close(fd);
#endif
        return NULL;
    }
    free(block);
    close(fd);
    return NULL;
}

__attribute__((noinline)) static void insist(void)
{
    char *block = malloc(400);

#ifndef FIXED
    while (!block)
        pause();
#endif
    free(block);
}

int main(void)
{
    pthread_t thread;

    look();
    forget_to_look();
    if (pthread_create(&thread, NULL, leave_open, NULL) == 0)
        pthread_join(thread, NULL);
    insist();
    puts("done");
    return 0;
}
