/* SPDX-License-Identifier: MIT */
/*
 * One thread and an epoll loop. Clients send "/name", a line, and then lines that come back
 * in capitals, up to the end of their stream.
 *
 *     cc epoll_server.c $(pkg-config --cflags --libs ctxtrace) && ./a.out
 *
 * A connection is a task: no thread of its own, but entered for each of its events, so that
 * its context is the active one and reports tell what it waits for. The context's deadline
 * is one more event: ctx_done_fd is in the epoll set beside the client's socket.
 */
#define _GNU_SOURCE 1
#include <ctxtrace.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_TIME (2 * CTX_SECOND)
enum { LINE_SIZE = 128, BACKLOG = 64 };

struct connection;

/* What epoll hands back: whom to call, and for which connection. */
struct watch {
    void (*ready)(struct connection *connection);
    struct connection *connection;
};

struct connection {
    ctx_t *timed, *request; /* the second has the name, and is NULL before that is known */
    ctx_task_t *task;
    int client;
    struct watch readable, done;
    char line[LINE_SIZE];
    size_t length;
    struct connection *next, **link;
};

static ctx_t *server;
static int loop, listener;
static struct connection *connections;

static void end_server(int number)
{
    (void)number;
    ctx_cancel_from_signal(server, 0);
}

static int watch_fd(int fd, struct watch *watch)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = watch};

    return epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event);
}

static void answer(struct connection *connection, const char *text)
{
    (void)!send(connection->client, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* With client -1, all but the socket. */
static void end_connection(struct connection *connection, enum ctxtrace_outcome outcome)
{
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    if (connection->client >= 0)
        close(connection->client); /* and out of the epoll set by that */
    if (connection->timed)
        epoll_ctl(loop, EPOLL_CTL_DEL, ctx_done_fd(connection->timed), NULL);
    ctx_finish(connection->timed, outcome); /* the name's context ends with it */
    ctx_release(connection->request);
    ctx_release(connection->timed);
    ctx_task_end(connection->task);
    free(connection);
}

static void on_done(struct connection *connection)
{
    char cause[256];

    ctx_cause(connection->timed, cause, sizeof cause);
    answer(connection, cause);
#ifndef FIXED
    /* THE LEAK: out of the epoll set, but still open: nobody will ever close it. */
    epoll_ctl(loop, EPOLL_CTL_DEL, connection->client, NULL);
    connection->client = -1;
#endif
    end_connection(connection, CTX_END_ERROR);
}

/* The first line names the request, which the socket is a part of from then on. */
static void take_line(struct connection *connection)
{
    char label[LINE_SIZE + 8];

    if (connection->request) {
        for (char *at = connection->line; *at; at++)
            *at = (char)toupper((unsigned char)*at);
        answer(connection, connection->line);
        return;
    }
    snprintf(label, sizeof label, "req:%.*s", (int)strcspn(connection->line, "\n"),
             connection->line);
    connection->request = ctx_with_name(connection->timed, label);
    ctx_fd_transfer(connection->client, connection->request);
    answer(connection, "ready\n");
}

static void on_readable(struct connection *connection)
{
    char byte;
    ssize_t size;

    while ((size = recv(connection->client, &byte, 1, 0)) == 1) {
        connection->line[connection->length++] = byte;
        if (byte == '\n' || connection->length == LINE_SIZE - 1) {
            connection->line[connection->length] = '\0';
            connection->length = 0;
            take_line(connection);
        }
    }
    if (size == 0)
        end_connection(connection, CTX_END_OK);
    else if (errno != EAGAIN)
        end_connection(connection, CTX_END_ERROR);
    else
        ctx_task_blocked(connection->task, "client", NULL);
}

static void begin_connection(int client)
{
    struct connection *connection = calloc(1, sizeof *connection);

    if (!connection) {
        close(client);
        return;
    }
    connection->client = client;
    connection->readable = (struct watch){on_readable, connection};
    connection->done = (struct watch){on_done, connection};
    connection->next = connections;
    connection->link = &connections;
    if (connections)
        connections->link = &connection->next;
    connections = connection;
    connection->timed = ctx_with_timeout(server, REQUEST_TIME, 0, "request took too long");
    connection->task = ctx_task_begin(connection->timed, "connection");
    if (!connection->task || watch_fd(client, &connection->readable) != 0 ||
        watch_fd(ctx_done_fd(connection->timed), &connection->done) != 0)
        end_connection(connection, CTX_END_ERROR);
}

static void on_listener(struct connection *none)
{
    int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)none;
    if (client >= 0)
        begin_connection(client);
}

static void run_loop(void)
{
    struct watch server_done = {NULL, NULL}, arriving = {on_listener, NULL};

    watch_fd(listener, &arriving);
    watch_fd(ctx_done_fd(server), &server_done);
    while (!ctx_err(server)) {
        /* One by one: a second event could be of a connection that the first one ended. */
        struct epoll_event event;
        if (epoll_wait(loop, &event, 1, -1) != 1)
            continue;
        struct watch *watch = event.data.ptr;
        if (watch == &arriving) {
            watch->ready(NULL);
        } else if (watch != &server_done) {
            ctx_task_token_t at_work = ctx_task_enter(watch->connection->task);
            ctx_task_blocked(NULL, NULL, NULL);
            watch->ready(watch->connection); /* may end the task, which is fine */
            ctx_task_leave(&at_work);
        }
    }
    while (connections)
        end_connection(connections, CTX_END_ERROR);
}

static int start_listening(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK); /* port 0: any that is free */
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 ||
        listen(listener, BACKLOG) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        return -1;
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return 0;
}

int main(void)
{
    CTX_OWNED ctx_t *owned = server = ctx_with_name(ctx_background(), "capitals");

    loop = epoll_create1(EPOLL_CLOEXEC);
    signal(SIGTERM, end_server);
    if (!server || loop < 0 || start_listening() != 0) {
        perror("start");
        return 1;
    }
    run_loop();
    signal(SIGTERM, SIG_IGN); /* the handler's context goes */
    close(listener);
    close(loop);
    puts("all requests have ended");
    return 0;
}
