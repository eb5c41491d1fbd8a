/* SPDX-License-Identifier: MIT */
/*
 * A thread for each connection. Clients send "PUT /name", a line, and what is to be stored
 * under that name, up to the end of their stream.
 *
 *     cc thread_server.c $(pkg-config --cflags --libs ctxtrace) && ./a.out FOLDER
 *
 * The server's context ends at SIGTERM. Below it each request has one that ends by its
 * deadline; its name is "req:/name" as soon as that is known. Nothing is interrupted: the
 * threads wait in ctx_poll, which comes back when their context has ended, and main waits
 * for the threads.
 */
#define _GNU_SOURCE 1
#include <ctxtrace.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_TIME (2 * CTX_SECOND)
enum { LINE_SIZE = 128, BLOCK_SIZE = 4096, CAUSE_SIZE = 256, BACKLOG = 64 };

static ctx_t *server;
static int folder;

static void end_server(int number)
{
    (void)number;
    ctx_cancel_from_signal(server, 0);
}

static void answer(int client, const char *text)
{
    /* A client that went away is its own business: no SIGPIPE, and nobody to tell. */
    (void)!send(client, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* As recv; -1 and ETIMEDOUT or ECANCELED when the request has ended before. */
static ssize_t receive(ctx_t *request, int client, char *buffer, size_t size)
{
    struct pollfd readable = {.fd = client, .events = POLLIN};

    if (ctx_poll(request, &readable, 1) < 0)
        return -1;
    return recv(client, buffer, size, MSG_DONTWAIT);
}

/* Takes the first line, byte by byte: what follows is for the file. */
static int receive_name(ctx_t *request, int client, char *ret_name)
{
    char line[LINE_SIZE];
    size_t length = 0;

    while (length < sizeof line) {
        if (receive(request, client, line + length, 1) <= 0)
            return -1;
        if (line[length] == '\n')
            break;
        length++;
    }
    if (length == sizeof line)
        return -1;
    line[length] = '\0';
    if (strncmp(line, "PUT /", 5) != 0 || line[5] == '\0' || line[5] == '.' ||
        strchr(line + 5, '/'))
        return -1;
    strcpy(ret_name, line + 5);
    return 0;
}

static int store(ctx_t *request, int client, const char *name)
{
    int file = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    char block[BLOCK_SIZE], text[64];
    long stored = 0;
    ssize_t size;

    if (file < 0)
        return -1;
#ifdef FIXED
    CTX_CLOSE_FD(file); /* at the end of the block, whichever way it is left */
#endif
    while ((size = receive(request, client, block, sizeof block)) > 0) {
        if (write(file, block, (size_t)size) != size)
            break;
        stored += size;
    }
    if (size != 0)
        return -1;
#ifndef FIXED
    close(file); /* THE LEAK: the return above, which a slow client leads to, forgets it */
#endif
    snprintf(text, sizeof text, "stored %ld bytes\n", stored);
    answer(client, text);
    return 0;
}

static void serve(void *arg)
{
    int client = *(int *)arg, failed = -1;
    char name[LINE_SIZE], label[LINE_SIZE + 8], cause[CAUSE_SIZE];
    CTX_CLOSE_FD(client);
    CTX_OWNED ctx_t *timed =
        ctx_with_timeout(ctx_current(), REQUEST_TIME, 0, "request took too long");

    if (receive_name(timed, client, name) != 0) {
        answer(client, "what?\n");
        return;
    }
    snprintf(label, sizeof label, "req:/%s", name);
    CTX_OWNED ctx_t *request = ctx_with_name(timed, label);
    CTX_SCOPE(request) /* what is acquired in here is the request's */
    failed = store(request, client, name);
    if (ctx_cause(request, cause, sizeof cause))
        answer(client, cause);
    ctx_finish(request, failed ? CTX_END_ERROR : CTX_END_OK);
}

static int start_listening(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK); /* port 0: any that is free */
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 ||
        listen(listener, BACKLOG) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0) {
        perror("listen");
        return -1;
    }
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

static void accept_all(int listener, ctx_waitgroup_t *connections)
{
    struct pollfd waiting = {.fd = listener, .events = POLLIN};

    while (!ctx_err(server)) {
        if (ctx_poll(server, &waiting, 1) < 0)
            continue;
        int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0) { /* gone again; or EMFILE, which takes its time */
            if (errno != EAGAIN && ctx_sleep(server, CTX_SECOND / 10) != 0)
                break;
            continue;
        }
        if (ctx_go_copy(server, connections, "connection", serve, &client, sizeof client) != 0)
            close(client);
    }
}

int main(int argc, char **argv)
{
    ctx_waitgroup_t connections = CTX_WG_INIT;
    CTX_OWNED ctx_t *owned = server = ctx_with_name(ctx_background(), "uploads");
    int listener;

    folder = open(argc > 1 ? argv[1] : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!server || folder < 0)
        return 1;
    signal(SIGTERM, end_server);
    listener = start_listening();
    if (listener < 0)
        return 1;
    accept_all(listener, &connections);
    close(listener);
    if (ctx_wg_wait(&connections, ctx_background()) == 0) /* they have seen the end, too */
        puts("all requests have ended");
    signal(SIGTERM, SIG_IGN); /* the handler's context goes */
    close(folder);
    return 0;
}
