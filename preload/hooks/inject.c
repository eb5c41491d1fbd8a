/* SPDX-License-Identifier: MIT */
/*
 * Functions that can be made to fail: a row each.
 *
 * A rule's functions get a stub in the place of the real function that their hooks
 * call. So the hooks see a failure as they see any other, and where no fault is
 * asked for nothing has changed. What a stub stands for is done all the same where
 * the kernel does it although it fails: close gives the number back (E3).
 *
 * The program's call is found by the frame pointers of our own frames: stub and hook
 * are built with them, and the first return address outside of us is the program's.
 */
#include "preload/hooks/inject.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "preload/books/injection.h"
#include "preload/facts/module.h"
#include "preload/ground/hook.h"

/* clang-format off */
/* X(group, errno, result of a failure, type, function, parameters, arguments) */
#define FAIL_BY_ERRNO(X)                                                                           \
    X(malloc, ENOMEM, NULL, void *, malloc, (size_t n), (n))                                       \
    X(malloc, ENOMEM, NULL, void *, calloc, (size_t c, size_t n), (c, n))                          \
    X(malloc, ENOMEM, NULL, void *, realloc, (void *p, size_t n), (p, n))                          \
    X(malloc, ENOMEM, NULL, void *, reallocarray, (void *p, size_t c, size_t n), (p, c, n))        \
    X(malloc, ENOMEM, NULL, void *, memalign, (size_t a, size_t n), (a, n))                        \
    X(malloc, ENOMEM, NULL, void *, aligned_alloc, (size_t a, size_t n), (a, n))                   \
    X(open, EMFILE, -1, int, open, (const char *p, int f, mode_t m), (p, f, m))                    \
    X(open, EMFILE, -1, int, open64, (const char *p, int f, mode_t m), (p, f, m))                  \
    X(open, EMFILE, -1, int, openat, (int d, const char *p, int f, mode_t m), (d, p, f, m))        \
    X(open, EMFILE, -1, int, openat64, (int d, const char *p, int f, mode_t m), (d, p, f, m))      \
    X(open, EMFILE, -1, int, creat, (const char *p, mode_t m), (p, m))                             \
    X(open, EMFILE, -1, int, creat64, (const char *p, mode_t m), (p, m))                           \
    X(fopen, EMFILE, NULL, FILE *, fopen, (const char *p, const char *m), (p, m))                  \
    X(fopen, EMFILE, NULL, FILE *, fopen64, (const char *p, const char *m), (p, m))                \
    X(fopen, ENOMEM, NULL, FILE *, fdopen, (int fd, const char *m), (fd, m))                       \
    X(socket, EMFILE, -1, int, socket, (int d, int t, int p), (d, t, p))                           \
    X(socket, EMFILE, -1, int, socketpair, (int d, int t, int p, int *fds), (d, t, p, fds))        \
    X(accept, EMFILE, -1, int, accept, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n))     \
    X(accept, EMFILE, -1, int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int f),         \
      (fd, a, n, f))                                                                               \
    X(connect, ECONNREFUSED, -1, int, connect, (int fd, const struct sockaddr *a, socklen_t n),    \
      (fd, a, n))                                                                                  \
    X(bind, EADDRINUSE, -1, int, bind, (int fd, const struct sockaddr *a, socklen_t n),            \
      (fd, a, n))                                                                                  \
    X(pipe, EMFILE, -1, int, pipe, (int *fds), (fds))                                              \
    X(pipe, EMFILE, -1, int, pipe2, (int *fds, int f), (fds, f))                                   \
    X(dup, EMFILE, -1, int, dup, (int fd), (fd))                                                   \
    X(dup, EBUSY, -1, int, dup2, (int from, int fd), (from, fd))                                   \
    X(dup, EBUSY, -1, int, dup3, (int from, int fd, int f), (from, fd, f))                         \
    X(epoll_create, EMFILE, -1, int, epoll_create, (int n), (n))                                   \
    X(epoll_create, EMFILE, -1, int, epoll_create1, (int f), (f))                                  \
    X(eventfd, EMFILE, -1, int, eventfd, (unsigned n, int f), (n, f))                              \
    X(fork, EAGAIN, -1, pid_t, fork, (void), ())                                                   \
    X(read, EIO, -1, ssize_t, read, (int fd, void *b, size_t n), (fd, b, n))                       \
    X(read, EIO, -1, ssize_t, readv, (int fd, const struct iovec *v, int n), (fd, v, n))           \
    X(read, EIO, -1, ssize_t, pread, (int fd, void *b, size_t n, off_t o), (fd, b, n, o))          \
    X(read, EIO, -1, ssize_t, pread64, (int fd, void *b, size_t n, off_t o), (fd, b, n, o))        \
    X(write, ENOSPC, -1, ssize_t, write, (int fd, const void *b, size_t n), (fd, b, n))            \
    X(write, ENOSPC, -1, ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))      \
    X(write, ENOSPC, -1, ssize_t, pwrite, (int fd, const void *b, size_t n, off_t o),              \
      (fd, b, n, o))                                                                               \
    X(write, ENOSPC, -1, ssize_t, pwrite64, (int fd, const void *b, size_t n, off_t o),            \
      (fd, b, n, o))                                                                               \
    X(recv, ECONNRESET, -1, ssize_t, recv, (int fd, void *b, size_t n, int f), (fd, b, n, f))      \
    X(recv, ECONNRESET, -1, ssize_t, recvmsg, (int fd, struct msghdr *m, int f), (fd, m, f))       \
    X(send, EPIPE, -1, ssize_t, send, (int fd, const void *b, size_t n, int f), (fd, b, n, f))     \
    X(send, EPIPE, -1, ssize_t, sendmsg, (int fd, const struct msghdr *m, int f), (fd, m, f))
#define FAIL_BY_RESULT(X)                                                                          \
    X(malloc, ENOMEM, posix_memalign, (void **w, size_t a, size_t n), (w, a, n))                   \
    X(pthread_create, EAGAIN, pthread_create,                                                      \
      (pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *g), (t, a, run, g))
/* clang-format on */
#define FAIL_BUT_DO(X)                                                                             \
    X(close, EIO, close, (int fd), (fd))                                                           \
    X(fclose, EIO, fclose, (FILE * f), (f))

#define NUMBER(function) POINT_##function
enum point {
#define X(group, standard, failure, type, function, params, args) NUMBER(function),
    FAIL_BY_ERRNO(X)
#undef X
#define X(group, standard, function, params, args) NUMBER(function),
        FAIL_BY_RESULT(X) FAIL_BUT_DO(X)
#undef X
            POINTS
};
static struct injection_point points[POINTS];

/* ---- stubs ---- */

static const struct module *ours;

static bool is_ours(uintptr_t pc)
{
    return pc >= ours->start && pc < ours->end;
}

/* `frame` is the stub's. A hook that has jumped to it is no frame any more. */
static struct call_site program_site(const uintptr_t *frame)
{
    while (is_ours(frame[1]))
        frame = (const uintptr_t *)frame[0];
    return (struct call_site){frame[1], (uintptr_t)(frame + 2), frame[0]};
}

static int due(enum point number, uintptr_t frame)
{
    struct call_site site = program_site((const uintptr_t *)frame);
    return guard_is_vforked() ? 0 : injection_due(&points[number], &site);
}

#define REAL_OF(function) ((__typeof__(&inject_##function))(uintptr_t)points[NUMBER(function)].real)

#define X(group, standard, failure, type, function, params, args)                                  \
    static type inject_##function params                                                           \
    {                                                                                              \
        int error = due(NUMBER(function), GUARD_FRAME());                                          \
        if (!error)                                                                                \
            return REAL_OF(function) args;                                                         \
        errno = error;                                                                             \
        return failure;                                                                            \
    }
FAIL_BY_ERRNO(X)
#undef X

#define X(group, standard, function, params, args)                                                 \
    static int inject_##function params                                                            \
    {                                                                                              \
        int error = due(NUMBER(function), GUARD_FRAME());                                          \
        return error ? error : REAL_OF(function) args;                                             \
    }
FAIL_BY_RESULT(X)
#undef X

#define X(group, standard, function, params, args)                                                 \
    static int inject_##function params                                                            \
    {                                                                                              \
        int error = due(NUMBER(function), GUARD_FRAME());                                          \
        int result = REAL_OF(function) args;                                                       \
        if (!error || result < 0)                                                                  \
            return result;                                                                         \
        errno = error;                                                                             \
        return -1;                                                                                 \
    }
FAIL_BUT_DO(X)
#undef X

/* ---- the start ---- */

#define X(group, standard, failure, type, function, params, args)                                  \
    extern struct hook hook_##function;
FAIL_BY_ERRNO(X)
#undef X
#define X(group, standard, function, params, args) extern struct hook hook_##function;
FAIL_BY_RESULT(X)
FAIL_BUT_DO(X)
#undef X

#define POINT(group_, standard, function_)                                                         \
    [NUMBER(function_)] = {.function = #function_,                                                 \
                           .group = #group_,                                                       \
                           .error = standard,                                                      \
                           .stub = (const void *)inject_##function_,                               \
                           .hook = &hook_##function_},

static struct injection_point points[POINTS] = {
#define X(group, standard, failure, type, function, params, args) POINT(group, standard, function)
    FAIL_BY_ERRNO(X)
#undef X
#define X(group, standard, function, params, args) POINT(group, standard, function)
        FAIL_BY_RESULT(X) FAIL_BUT_DO(X)
#undef X
};

bool inject_start(const char *rules)
{
    uint32_t met = 0;
    ours = module_get(module_at((uintptr_t)inject_start));
    if (!ours || !injection_parse(rules))
        return false;
    for (size_t i = 0; i < POINTS; i++) {
        struct injection_point *point = &points[i];
        point->rules = injection_rules_for(point->function, point->group);
        point->real = hook_real(point->hook);
        if (!point->rules || !point->real)
            continue;
        injection_point_add(point);
        atomic_store(&point->hook->real, (void *)(uintptr_t)point->stub);
        met |= point->rules;
    }
    return met == injection_rules_all();
}
