/* SPDX-License-Identifier: MIT */
/*
 * Calls each function that can be made to fail, once, and says how it went. The names
 * are those of preload/hooks/inject.c (tests/hosts/test_fail.py compares).
 *
 *     injectable NAME   one function        injectable --list   all names
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int pair[2], file, epolls[2];
static char byte;
static void *volatile none; /* or it is compiled as malloc */
static const char name[] = "/dev/null";
static struct iovec part = {&byte, 1};
static struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
static struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0ctxtrace-injectable"};

static void *nothing(void *argument)
{
    return argument;
}

static int start_thread(void)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, nothing, NULL);

    errno = error ? error : pthread_join(thread, NULL);
    return errno ? -1 : 0;
}

static int fork_one(void)
{
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    return child < 0 ? -1 : (waitpid(child, NULL, 0), 0);
}

static int send_one(void)
{
    return (int)write(pair[0], &byte, 1);
}

static int listener(void)
{
    static int fd;

    if (!fd) {
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        bind(fd, (struct sockaddr *)&address, sizeof(address));
        listen(fd, 9);
    }
    return fd;
}

static int accept_one(bool with_flags)
{
    int ours = listener(), client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    connect(client, (struct sockaddr *)&address, sizeof(address));
    return with_flags ? accept4(ours, NULL, NULL, SOCK_CLOEXEC) : accept(ours, NULL, NULL);
}

/* A close that fails has closed. */
static int close_one(void)
{
    int fd = dup(file);
    int result = close(fd), saved = errno;

    if (fcntl(fd, F_GETFD) != -1)
        puts("still open");
    errno = saved;
    return result;
}

static int align_one(void)
{
    void *block;

    errno = posix_memalign(&block, 64, 10);
    return errno ? -1 : 0;
}

#define CALLS(X)                                                                                   \
    X(malloc, malloc(10) ? 0 : -1)                                                                 \
    X(calloc, calloc(2, 5) ? 0 : -1)                                                               \
    X(realloc, realloc(none, 5) ? 0 : -1)                                                          \
    X(reallocarray, reallocarray(none, 5, 5) ? 0 : -1)                                             \
    X(memalign, memalign(64, 5) ? 0 : -1)                                                          \
    X(aligned_alloc, aligned_alloc(64, 64) ? 0 : -1)                                               \
    X(posix_memalign, align_one())                                                                 \
    X(open, open(name, O_RDONLY))                                                                  \
    X(open64, open64(name, O_RDONLY))                                                              \
    X(openat, openat(AT_FDCWD, name, O_RDONLY))                                                    \
    X(openat64, openat64(AT_FDCWD, name, O_RDONLY))                                                \
    X(creat, creat(name, 0600))                                                                    \
    X(creat64, creat64(name, 0600))                                                                \
    X(fopen, fopen(name, "r") ? 0 : -1)                                                            \
    X(fopen64, fopen64(name, "r") ? 0 : -1)                                                        \
    X(fdopen, fdopen(file, "r") ? 0 : -1)                                                          \
    X(fclose, fclose(stdin))                                                                       \
    X(socket, socket(AF_UNIX, SOCK_STREAM, 0))                                                     \
    X(socketpair, socketpair(AF_UNIX, SOCK_STREAM, 0, epolls))                                     \
    X(accept, accept_one(false))                                                                   \
    X(accept4, accept_one(true))                                                                   \
    X(connect, connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address,               \
                       (listener(), sizeof(address))))                                             \
    X(bind, bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof(short)))     \
    X(pipe, pipe(epolls))                                                                          \
    X(pipe2, pipe2(epolls, O_CLOEXEC))                                                             \
    X(dup, dup(file))                                                                              \
    X(dup2, dup2(file, 50))                                                                        \
    X(dup3, dup3(file, 50, O_CLOEXEC))                                                             \
    X(epoll_create, epoll_create(1))                                                               \
    X(epoll_create1, epoll_create1(0))                                                             \
    X(eventfd, eventfd(0, 0))                                                                      \
    X(fork, fork_one())                                                                            \
    X(pthread_create, start_thread())                                                              \
    X(read, (int)read(file, &byte, 1))                                                             \
    X(readv, (int)readv(file, &part, 1))                                                           \
    X(pread, (int)pread(file, &byte, 1, 0))                                                        \
    X(pread64, (int)pread64(file, &byte, 1, 0))                                                    \
    X(write, (int)write(file, &byte, 1))                                                           \
    X(writev, (int)writev(file, &part, 1))                                                         \
    X(pwrite, (int)pwrite(file, &byte, 1, 0))                                                      \
    X(pwrite64, (int)pwrite64(file, &byte, 1, 0))                                                  \
    X(recv, (send_one(), (int)recv(pair[1], &byte, 1, 0)))                                         \
    X(recvmsg, (send_one(), (int)recvmsg(pair[1], &message, 0)))                                   \
    X(send, (int)send(pair[0], &byte, 1, 0))                                                       \
    X(sendmsg, (int)sendmsg(pair[0], &message, 0))                                                 \
    X(close, close_one())

int main(int argc, char **argv)
{
    const char *wanted = argc > 1 ? argv[1] : "--list";
    int result;

    file = open(name, O_RDWR | O_CLOEXEC);
    if (file < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        fputs("the start has failed\n", stderr);
    setbuf(stdout, NULL);
    errno = 0;
#define X(function, call)                                                                          \
    if (strcmp(wanted, "--list") == 0)                                                             \
        puts(#function);                                                                           \
    if (strcmp(wanted, #function) == 0) {                                                          \
        result = call;                                                                             \
        printf("%s %d %s\n", #function, result < 0 ? -1 : 0, strerrorname_np(errno));              \
    }
    CALLS(X)
    return 0;
}
