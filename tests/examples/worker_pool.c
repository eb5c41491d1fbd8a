/* SPDX-License-Identifier: MIT */
/*
 * Workers, a queue, and a pool of connections to another service. Clients send a line; a
 * worker asks the service with it and sends its reply back.
 *
 *     cc worker_pool.c $(pkg-config --cflags --libs ctxtrace) && ./a.out SERVICE_PORT
 *
 * A request is a task from the moment it is queued: the worker enters it, and its context is
 * the active one. A pooled connection is made in whatever request comes first, so it says
 * who holds it: the request that uses it, and the pool while it is idle (ctx_fd_transfer).
 */
#define _GNU_SOURCE 1
#include <ctxtrace.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_TIME (2 * CTX_SECOND)
enum { LINE_SIZE = 128, WORKERS = 3, IDLE_MAX = 8, BACKLOG = 64 };

struct job {
    struct job *next;
    ctx_t *timed;
    ctx_task_t *task;
    int client;
};

static ctx_t *server;
static int service_port;

static pthread_mutex_t queue_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queue_filled = PTHREAD_COND_INITIALIZER;
static struct job *first_job, **last_link = &first_job;

static pthread_mutex_t pool_mutex = PTHREAD_MUTEX_INITIALIZER;
static int idle[IDLE_MAX], idle_count;

static void end_server(int number)
{
    (void)number;
    ctx_cancel_from_signal(server, 0);
}

/* ---- the pool ---- */

static int connect_service(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)service_port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int pool_take(ctx_t *request)
{
    int fd = -1;

    pthread_mutex_lock(&pool_mutex);
    if (idle_count > 0)
        fd = idle[--idle_count];
    pthread_mutex_unlock(&pool_mutex);
    if (fd < 0)
        fd = connect_service();
    ctx_fd_transfer(fd, request);
    return fd;
}

static void pool_give_back(int fd)
{
    ctx_fd_transfer(fd, server);
    pthread_mutex_lock(&pool_mutex);
    if (idle_count < IDLE_MAX) {
        idle[idle_count++] = fd;
        fd = -1;
    }
    pthread_mutex_unlock(&pool_mutex);
    if (fd >= 0)
        close(fd);
}

static void pool_close(void)
{
    while (idle_count > 0)
        close(idle[--idle_count]);
}

/* ---- a request ---- */

/* A line without its end. -1: the context has ended, the peer went away, it is too long. */
static int receive_line(ctx_t *context, int fd, char *ret_line)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};

    for (size_t length = 0; length < LINE_SIZE; length++) {
        if (ctx_poll(context, &readable, 1) < 0 ||
            recv(fd, ret_line + length, 1, MSG_DONTWAIT) != 1)
            return -1;
        if (ret_line[length] == '\n') {
            ret_line[length] = '\0';
            return 0;
        }
    }
    return -1;
}

static void send_line(int fd, const char *text)
{
    char line[LINE_SIZE + 1];
    int length = snprintf(line, sizeof line, "%s\n", text);

    (void)!send(fd, line, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int ask_service(ctx_t *request, const char *question, char *ret_reply)
{
    int fd = pool_take(request);

    if (fd < 0)
        return -1;
    send_line(fd, question);
    if (receive_line(request, fd, ret_reply) != 0) {
        /* Not to the pool: a late reply would be the next request's. */
#ifndef FIXED
        return -1; /* THE LEAK: but not closed either */
#endif
        close(fd);
        return -1;
    }
    pool_give_back(fd);
    return 0;
}

static void serve(ctx_t *timed, int client)
{
    char line[LINE_SIZE], reply[LINE_SIZE], label[LINE_SIZE + 8], cause[LINE_SIZE];
    int failed = -1;

    if (receive_line(timed, client, line) != 0)
        return;
    snprintf(label, sizeof label, "req:/%s", line);
    CTX_OWNED ctx_t *request = ctx_with_name(timed, label);
    CTX_SCOPE(request)
    failed = ask_service(request, line, reply);
    if (!failed)
        send_line(client, reply);
    else if (ctx_cause(request, cause, sizeof cause))
        send_line(client, cause);
    ctx_finish(timed, failed ? CTX_END_ERROR : CTX_END_OK);
}

/* ---- the queue ---- */

static void job_end(struct job *job)
{
    close(job->client);
    ctx_task_end(job->task);
    ctx_cancel(job->timed);
    ctx_release(job->timed);
    free(job);
}

static void queue_put(int client)
{
    struct job *job = calloc(1, sizeof *job);

    if (!job) {
        close(client);
        return;
    }
    job->client = client;
    job->timed = ctx_with_timeout(server, REQUEST_TIME, 0, "request took too long");
    job->task = ctx_task_begin(job->timed, "request");
    if (!job->task) {
        job_end(job);
        return;
    }
    pthread_mutex_lock(&queue_mutex);
    *last_link = job;
    last_link = &job->next;
    pthread_cond_signal(&queue_filled);
    pthread_mutex_unlock(&queue_mutex);
}

/* NULL: the server has ended, and nothing is left. */
static struct job *queue_take(void)
{
    struct job *job;

    pthread_mutex_lock(&queue_mutex);
    while (!first_job && ctx_cond_wait(server, &queue_filled, &queue_mutex) == 0)
        ;
    job = first_job;
    if (job && !(first_job = job->next))
        last_link = &first_job;
    pthread_mutex_unlock(&queue_mutex);
    return job;
}

static void work(void *nothing)
{
    struct job *job;

    (void)nothing;
    while ((job = queue_take())) {
        ctx_task_token_t at_work = ctx_task_enter(job->task);
        serve(job->timed, job->client);
        ctx_task_leave(&at_work);
        job_end(job);
    }
}

/* ---- the server ---- */

static int start_listening(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK); /* port 0: any that is free */
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 ||
        listen(listener, BACKLOG) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        return -1;
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(int argc, char **argv)
{
    CTX_OWNED ctx_t *owned = server = ctx_with_name(ctx_background(), "relay");
    ctx_waitgroup_t workers = CTX_WG_INIT;
    struct pollfd waiting = {.fd = -1, .events = POLLIN};
    int started = 0;

    if (!server || argc != 2)
        return 64;
    service_port = atoi(argv[1]);
    signal(SIGTERM, end_server);
    for (int i = 0; i < WORKERS; i++)
        started += ctx_go(server, &workers, "worker", work, NULL) == 0;
    waiting.fd = start_listening();
    if (waiting.fd < 0 || started == 0) {
        perror("start");
        ctx_cancel(server);
    }
    while (!ctx_err(server)) {
        if (ctx_poll(server, &waiting, 1) < 0)
            continue;
        int client = accept4(waiting.fd, NULL, NULL, SOCK_CLOEXEC);
        if (client >= 0)
            queue_put(client);
        else if (errno != EAGAIN && ctx_sleep(server, CTX_SECOND / 10) != 0)
            break; /* descriptors are short */
    }
    if (ctx_wg_wait(&workers, ctx_background()) == 0) /* they have seen the end, too */
        puts("all requests have ended");
    signal(SIGTERM, SIG_IGN); /* the handler's context goes */
    pool_close();
    close(waiting.fd);
    return 0;
}
