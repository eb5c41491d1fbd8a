/* SPDX-License-Identifier: MIT */
/*
 * A thread is cancelled inside connect(): the server's queue is full, so it blocks. It had a socket
 * and a request buffer, and no cleanup handler for them.
 *
 * expect: unreachable memory 1 "new_request < talk" bytes=1000
 * expect: held-after-cancel socket 1 "open_socket < talk" severity=warning
 */
#include <stddef.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../leaks.h"

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static socklen_t address_length;

struct talk {
    char *request;
    int fd;
};

static void clean_up(void *argument)
{
    struct talk *talk = argument;

    free(talk->request);
    close(talk->fd);
}

NOINLINE static int open_socket(int flags)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
}

NOINLINE static char *new_request(void)
{
    return calloc(1, 1000);
}

static void *talk(void *unused)
{
    struct talk talk = {.request = new_request(), .fd = open_socket(0)};

#ifdef FIXED
    pthread_cleanup_push(clean_up, &talk);
    connect(talk.fd, (struct sockaddr *)&address, address_length);
    pthread_cleanup_pop(1);
#else
    connect(talk.fd, (struct sockaddr *)&address, address_length);
    clean_up(&talk);
#endif
    return unused;
}

/* Fills the queue of a listener that never accepts. */
static int fill_queue(int *fds, int limit)
{
    for (int count = 0; count < limit; count++) {
        fds[count] = open_socket(SOCK_NONBLOCK);
        if (connect(fds[count], (struct sockaddr *)&address, address_length))
            return count + 1;
    }
    return -1;
}

int main(void)
{
    int listener = open_socket(0), fds[8], count;
    pthread_t talker;

    address_length = (socklen_t)offsetof(struct sockaddr_un, sun_path) + 1;
    address_length += (socklen_t)snprintf(address.sun_path + 1, 64, "ctxtrace-leak-%d", getpid());
    if (bind(listener, (struct sockaddr *)&address, address_length) || listen(listener, 1))
        return 1;
    count = fill_queue(fds, 8);
    if (count < 0 || pthread_create(&talker, NULL, talk, NULL))
        return 1;
    /* It blocks by then; were it late, it would be cancelled there all the same. */
    usleep(20000);
    pthread_cancel(talker);
    pthread_join(talker, NULL);
    while (count--)
        close(fds[count]);
    close(listener);
    puts("cancelled");
    return 0;
}
