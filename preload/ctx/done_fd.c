/* SPDX-License-Identifier: MIT */
/*
 * done_fd: a descriptor that is readable once the context has ended. One timerfd does both:
 * the deadline arms it, an end arms it to be due at once, and as nobody reads it, it stays
 * readable.
 *
 * All of them stand in rows that are never given back, so that a signal handler can go through
 * them, and a fork child can replace each by a new object behind the same number: armed by the
 * child, the old one would wake the parent, too, and the other way round.
 */
#include "preload/ctx/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define ROWS_PER_PAGE 128u

struct fd_row {
    _Atomic(struct context *) owner; /* NULL: free */
    struct fd_row *next_free;
};

struct fd_page {
    struct fd_row rows[ROWS_PER_PAGE];
    _Atomic(struct fd_page *) next;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct fd_row *free_rows;
static _Atomic(struct fd_page *) pages;
static _Atomic int handlers; /* that go through the rows just now */

void libctx_fd_lock(void)
{
    pthread_mutex_lock(&mutex);
}

void libctx_fd_unlock(void)
{
    pthread_mutex_unlock(&mutex);
}

static struct fd_row *row_take(void)
{
    libctx_fd_lock();
    if (!free_rows) {
        libctx_fork_watch();
        libctx_tell_own_begin();
        struct fd_page *page = calloc(1, sizeof *page);
        libctx_tell_own_end();
        for (unsigned i = 0; page && i < ROWS_PER_PAGE; i++) {
            page->rows[i].next_free = free_rows;
            free_rows = &page->rows[i];
        }
        if (page) {
            atomic_store(&page->next, atomic_load(&pages));
            atomic_store(&pages, page);
        }
    }
    struct fd_row *row = free_rows;
    if (row)
        free_rows = row->next_free;
    libctx_fd_unlock();
    return row;
}

static void row_give(struct fd_row *row)
{
    atomic_store(&row->owner, NULL);
    while (atomic_load(&handlers)) /* one may be looking at the owner; never this thread's own */
        sched_yield();
    libctx_fd_lock();
    row->next_free = free_rows;
    free_rows = row;
    libctx_fd_unlock();
}

/* ---- one ---- */

static void arm_now(int fd)
{
    struct itimerspec at_once = {.it_value.tv_nsec = 1};
    timerfd_settime(fd, 0, &at_once, NULL);
}

static void arm(struct context *context, int fd)
{
    uint64_t ns = context->deadline_ns;
    struct itimerspec at_deadline = {
        .it_value = {.tv_sec = (time_t)(ns / NANOSECONDS), .tv_nsec = (long)(ns % NANOSECONDS)},
    };
    if (atomic_load(&context->err) || libctx_signalled_by(context))
        arm_now(fd);
    else if (ns)
        timerfd_settime(fd, TFD_TIMER_ABSTIME, &at_deadline, NULL);
}

/* Not left half-way by a thread that is cancelled: close is such a point. */
static void close_whole(int fd)
{
    int before = 0;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    close(fd);
    pthread_setcancelstate(before, &before);
}

static int fd_new(void)
{
    return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
}

/* With the stripe locked. */
static int fd_make(struct context *context)
{
    struct fd_row *row = row_take();
    int fd = row ? fd_new() : -1;
    if (fd < 0) {
        int failed = row ? errno : ENOMEM;
        if (row)
            row_give(row);
        errno = failed;
        return -1;
    }
    libctx_tell_own_fd(fd);
    context->fd_row = row;
    atomic_store(&context->fd, fd);
    atomic_store(&row->owner, context);
    arm(context, fd); /* after the row: a handler that came before it was seen in between */
    return fd;
}

int libctx_fd_get(struct context *context)
{
    int fd = atomic_load(&context->fd);
    if (fd >= 0)
        return fd;
    libctx_lock(context);
    fd = atomic_load(&context->fd);
    if (fd < 0)
        fd = fd_make(context);
    libctx_unlock(context);
    return fd;
}

int ctxtrace_done_fd(ctxtrace_t *handle)
{
    int before = errno;
    libctx_attend();
    int fd = libctx_fd_get(libctx_look(handle));
    if (fd >= 0)
        errno = before;
    return fd;
}

void libctx_fd_ended(struct context *context)
{
    int fd = atomic_load(&context->fd);
    if (fd >= 0)
        arm_now(fd);
}

void libctx_fd_close(struct context *context)
{
    int fd = atomic_load(&context->fd);
    if (fd < 0)
        return;
    row_give(context->fd_row);
    close_whole(fd);
}

/* ---- all ---- */

static void for_all(void (*see)(struct context *owner, const void *arg), const void *arg)
{
    for (struct fd_page *page = atomic_load(&pages); page; page = atomic_load(&page->next))
        for (unsigned i = 0; i < ROWS_PER_PAGE; i++) {
            struct context *owner = atomic_load(&page->rows[i].owner);
            if (owner)
                see(owner, arg);
        }
}

static void arm_if_below(struct context *owner, const void *arg)
{
    const struct context *ended = arg;
    for (const struct context *one = owner; one; one = one->parent) {
        if (one == ended) {
            arm_now(atomic_load(&owner->fd));
            return;
        }
        if (one->kind == KIND_WITHOUT_CANCEL)
            return;
    }
}

void libctx_fd_signal(const struct context *context)
{
    atomic_fetch_add(&handlers, 1);
    for_all(arm_if_below, context);
    atomic_fetch_sub(&handlers, 1);
}

/* Closed first, for there may be no number left. Without a new one the context has none: the
 * old one is the parent's, too. */
static void replace(struct context *owner, const void *unused)
{
    int fd = atomic_load(&owner->fd);
    struct fd_row *row = owner->fd_row;
    (void)unused;
    close_whole(fd);
    int new_fd = fd_new();
    bool is_there = new_fd == fd || (new_fd >= 0 && dup3(new_fd, fd, O_CLOEXEC) == fd);
    if (new_fd >= 0 && new_fd != fd)
        close_whole(new_fd);
    if (is_there) {
        libctx_tell_own_fd(fd);
        arm(owner, fd);
    } else {
        atomic_store(&owner->fd, -1);
        atomic_store(&row->owner, NULL);
        row->next_free = free_rows;
        free_rows = row;
    }
}

void libctx_fd_forked(void)
{
    atomic_store(&handlers, 0);
    for_all(replace, NULL);
}
