/* SPDX-License-Identifier: MIT */
/*
 * The floor: a preload that interposes what the workloads and most programs
 * call, counts, and does nothing else. What it costs no interposer can go below.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static _Thread_local unsigned long calls __attribute__((tls_model("initial-exec")));

#define REAL(name)                                                                                 \
    static __typeof__(&name) real;                                                                 \
    if (__builtin_expect(!real, 0))                                                                \
        real = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                                         \
    calls++

void *malloc(size_t bytes)
{
    REAL(malloc);
    return real(bytes);
}

void free(void *p)
{
    REAL(free);
    real(p);
}

void *calloc(size_t number, size_t bytes)
{
    REAL(calloc);
    return real(number, bytes);
}

void *realloc(void *p, size_t bytes)
{
    REAL(realloc);
    return real(p, bytes);
}

int open(const char *path, int flags, ...)
{
    REAL(open);
    va_list args;
    va_start(args, flags);
    mode_t mode = va_arg(args, mode_t);
    va_end(args);
    return real(path, flags, mode);
}

int close(int fd)
{
    REAL(close);
    return real(fd);
}

int socketpair(int domain, int type, int protocol, int fds[2])
{
    REAL(socketpair);
    return real(domain, type, protocol, fds);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*entry)(void *), void *arg)
{
    REAL(pthread_create);
    return real(thread, attr, entry, arg);
}
