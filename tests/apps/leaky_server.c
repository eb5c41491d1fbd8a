/* SPDX-License-Identifier: MIT */
/*
 * The demonstration's program: a loopback server with one thread per connection.
 * A request for /leak loses two things in its worker: the socket to an upstream
 * and an opened configuration file. /ok uses the same two and gives them back,
 * /quit or SIGTERM stops the server in order, with status 0. The upstream is a
 * second port of ours that hangs up on everyone: what is lost is in CLOSE_WAIT.
 *
 * It prints its port on the first line of stdout. -DFIXED loses nothing.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 64, REQUEST_BYTES = 1024 };

static struct sockaddr_in upstream_address;
static int wake_pipe[2];

static pthread_mutex_t workers_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t workers_changed = PTHREAD_COND_INITIALIZER;
static int workers;

static void ask_to_stop(int number)
{
    char byte = (char)number;

    (void)!write(wake_pipe[1], &byte, 1);
}

__attribute__((noinline)) static int connect_upstream(void)
{
    const struct sockaddr *address = (const struct sockaddr *)&upstream_address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, address, sizeof(upstream_address))) {
        close(fd);
        return -1;
    }
    return fd;
}

__attribute__((noinline)) static int load_config(void)
{
    char text[64];
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

    if (fd >= 0 && read(fd, text, sizeof(text)) < 0)
        return -1;
    return fd;
}

static void answer(int client, const char *text)
{
    char reply[256];
    int length = snprintf(reply, sizeof(reply), "HTTP/1.0 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                          strlen(text), text);

    (void)!send(client, reply, (size_t)length, MSG_NOSIGNAL);
}

static void handle_request(int client, const char *request)
{
    int upstream = connect_upstream();
    int config = load_config();
    int forget = !strncmp(request, "GET /leak", 9);

#ifdef FIXED
    forget = 0;
#endif
    if (!forget) {
        close(config);
        close(upstream);
    }
    answer(client, "served\n");
    if (!strncmp(request, "GET /quit", 9))
        ask_to_stop(SIGTERM);
}

static void *serve_connection(void *argument)
{
    int client = (int)(intptr_t)argument;
    char request[REQUEST_BYTES + 1];
    ssize_t length = recv(client, request, REQUEST_BYTES, 0);

    if (length > 0) {
        request[length] = '\0';
        handle_request(client, request);
    }
    close(client);
    pthread_mutex_lock(&workers_lock);
    workers--;
    pthread_cond_signal(&workers_changed);
    pthread_mutex_unlock(&workers_lock);
    return NULL;
}

static void start_worker(int client)
{
    pthread_t worker;

    pthread_mutex_lock(&workers_lock);
    workers++;
    pthread_mutex_unlock(&workers_lock);
    if (pthread_create(&worker, NULL, serve_connection, (void *)(intptr_t)client)) {
        close(client);
        workers--;
        return;
    }
    pthread_detach(worker);
}

static int open_listener(struct sockaddr_in *ret_address)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) || listen(fd, BACKLOG) ||
        getsockname(fd, (struct sockaddr *)ret_address, &length)) {
        perror("leaky_server");
        exit(1);
    }
    return fd;
}

static void hang_up_on_next(int listener)
{
    int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (client >= 0)
        close(client);
}

static void serve_next(int listener)
{
    int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (client >= 0)
        start_worker(client);
}

static void serve_until_asked(int listener, int upstream)
{
    struct pollfd watched[] = {{.fd = listener, .events = POLLIN},
                               {.fd = upstream, .events = POLLIN},
                               {.fd = wake_pipe[0], .events = POLLIN}};

    while (!watched[2].revents) {
        if (poll(watched, 3, -1) < 0)
            continue;
        if (watched[0].revents)
            serve_next(listener);
        if (watched[1].revents)
            hang_up_on_next(upstream);
    }
}

static void await_workers(void)
{
    pthread_mutex_lock(&workers_lock);
    while (workers > 0)
        pthread_cond_wait(&workers_changed, &workers_lock);
    pthread_mutex_unlock(&workers_lock);
}

int main(void)
{
    struct sigaction stop = {.sa_handler = ask_to_stop};
    struct sockaddr_in address;
    int listener, upstream;

    if (pipe2(wake_pipe, O_CLOEXEC) || sigaction(SIGTERM, &stop, NULL))
        return 1;
    listener = open_listener(&address);
    upstream = open_listener(&upstream_address);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    serve_until_asked(listener, upstream);
    await_workers();
    close(listener);
    close(upstream);
    close(wake_pipe[0]);
    close(wake_pipe[1]);
    puts("stopped");
    return 0;
}
