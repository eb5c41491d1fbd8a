/* SPDX-License-Identifier: MIT */
/*
 * A small server on loopback answers twenty requests one after the other. What it parses of a
 * request is freed when the answer was sent, but not when the path was unknown: every fourth time.
 *
 * expect: unreachable memory 5 "parse_request < answer < serve" parts=5
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../leaks.h"

enum { REQUESTS = 20 };

struct request {
    char *path;
    int length;
};

static struct sockaddr_in address = {.sin_family = AF_INET};

NOINLINE static struct request *parse_request(const char *text)
{
    struct request *request = malloc(sizeof(*request));

    if (!request)
        exit(1);
    request->path = strndup(text + 4, strcspn(text + 4, " "));
    request->length = (int)strlen(text);
    return request;
}

static void free_request(struct request *request)
{
    free(request->path);
    free(request);
}

NOINLINE static void answer(int client, const char *text)
{
    struct request *request = parse_request(text);

    if (strcmp(request->path, "/")) {
        send(client, "404", 3, MSG_NOSIGNAL);
        if (IS_FIXED)
            free_request(request);
        return;
    }
    send(client, "200", 3, MSG_NOSIGNAL);
    free_request(request);
}

static void *serve(void *listener)
{
    for (int number = 0; number < REQUESTS; number++) {
        char text[200] = "";
        int client = accept4(*(int *)listener, NULL, NULL, SOCK_CLOEXEC);

        if (recv(client, text, sizeof(text) - 1, 0) > 0)
            answer(client, text);
        close(client);
    }
    return NULL;
}

static int ask(int number)
{
    const char *text = number % 4 ? "GET / HTTP/1.0" : "GET /secret HTTP/1.0";
    char reply[4] = "";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
        exit(1);
    send(fd, text, strlen(text), MSG_NOSIGNAL);
    recv(fd, reply, 3, MSG_WAITALL);
    close(fd);
    return !strcmp(reply, "200");
}

int main(void)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), good = 0;
    socklen_t length = sizeof(address);
    pthread_t server;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 8) ||
        getsockname(listener, (struct sockaddr *)&address, &length) ||
        pthread_create(&server, NULL, serve, &listener))
        return 1;
    for (int number = 0; number < REQUESTS; number++)
        good += ask(number);
    pthread_join(server, NULL);
    close(listener);
    printf("%d of %d\n", good, REQUESTS);
    return 0;
}
