/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a context: who waits sleeps on a futex word that all contexts of a stripe share,
 * and looks again whenever it is woken; who ends a context makes a system call only where
 * somebody sleeps for that one. Shared words, so that a signal handler can wake everybody without
 * knowing where they are.
 *
 * Who waits for an object (a WaitGroup), and for a context beside it, sleeps there, too. Who
 * changes the object wakes by its address alone, and touches nothing of it after the change: it
 * may be gone with the first waiter that sees it.
 */
#include "preload/ctx/internal.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define POLL_ON_STACK 32u
#define LOOK_AGAIN_MS 10 /* where the done_fd tells nothing */
/* For whom a sleeper can be woken: everybody's when a context ends; one of the other bits is
 * that of the object which it sleeps for. */
#define FOR_THE_END UINT32_C(1)
#define OBJECT_BITS 31u

static struct bed {
    _Atomic uint32_t bell; /* counts the calls to wake */
    _Atomic uint32_t sleepers;
} __attribute__((aligned(64))) beds[STRIPES];

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){
        .tv_sec = (time_t)(ns / NANOSECONDS),
        .tv_nsec = (long)(ns % NANOSECONDS),
    };
}

/* Only those who sleep for one of `whom` wake, or for any. */
static void futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t until_ns, uint32_t whom)
{
    struct timespec until = timespec_of(until_ns);
    syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value, until_ns ? &until : NULL, NULL,
            whom);
}

void libctx_futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t until_ns)
{
    futex_wait(word, value, until_ns, FUTEX_BITSET_MATCH_ANY);
}

void libctx_futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* ---- beds ---- */

static void bed_begin(struct doze *doze)
{
    atomic_fetch_add(&doze->context->sleepers, 1); /* before the caller looks: walk_settle */
    atomic_fetch_add(&doze->bed->sleepers, 1);
    doze->bell = atomic_load(&doze->bed->bell);
}

/* What was set before the bell rang last was seen by the caller, what comes later rings it. */
void libctx_doze_sleep(struct doze *doze, uint64_t until_ns)
{
    futex_wait(&doze->bed->bell, doze->bell, until_ns, doze->whom);
}

void libctx_doze_end(struct doze *doze)
{
    atomic_fetch_sub(&doze->bed->sleepers, 1);
    atomic_fetch_sub(&doze->context->sleepers, 1);
}

bool libctx_park(struct context *context, _Atomic int *word, uint64_t until_ns)
{
    struct doze doze = {
        .context = context,
        .bed = &beds[libctx_stripe(context)],
        .whom = FOR_THE_END,
    };
    if (atomic_load(word))
        return true;
    bed_begin(&doze);
    bool is_signalled = word == &context->err && libctx_signalled_by(context);
    if (!atomic_load(word) && !is_signalled)
        libctx_doze_sleep(&doze, until_ns);
    libctx_doze_end(&doze);
    return atomic_load(word);
}

static uint32_t hash_of(const void *object)
{
    return (uint32_t)((uintptr_t)object / sizeof(uint64_t) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* One of those that stand for objects. */
static uint32_t whom_of(const void *object)
{
    return UINT32_C(2) << hash_of(object) % OBJECT_BITS;
}

/* Those beside a root, which never ends, are not all to lie in one bed. */
void libctx_doze_begin(struct doze *doze, struct context *context, const void *object)
{
    unsigned stripe = context->kind == KIND_ROOT ? hash_of(object) / OBJECT_BITS % STRIPES
                                                 : libctx_stripe(context);
    *doze = (struct doze){
        .context = context,
        .bed = &beds[stripe],
        .whom = whom_of(object),
        .beds = UINT32_C(1) << stripe % BED_BITS,
    };
    bed_begin(doze);
}

void libctx_rouse(uint32_t wanted, const void *object)
{
    for (unsigned stripe = 0; wanted && stripe < STRIPES; stripe++) {
        struct bed *bed = &beds[stripe];
        if (!(wanted & UINT32_C(1) << stripe % BED_BITS) || !atomic_load(&bed->sleepers))
            continue;
        atomic_fetch_add(&bed->bell, 1);
        syscall(SYS_futex, &bed->bell, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL,
                whom_of(object));
    }
}

void libctx_wake_stripe(unsigned stripe)
{
    struct bed *bed = &beds[stripe];
    if (!atomic_load(&bed->sleepers))
        return;
    atomic_fetch_add(&bed->bell, 1);
    libctx_futex_wake(&bed->bell);
}

void libctx_wake_all(void)
{
    for (unsigned stripe = 0; stripe < STRIPES; stripe++)
        libctx_wake_stripe(stripe);
}

/* ---- until it ends, or a moment has come ---- */

static uint64_t moment_after(int64_t ns)
{
    return libctx_now() + (uint64_t)ns;
}

static uint64_t earlier(uint64_t one, uint64_t other)
{
    return !one || (other && other < one) ? other : one;
}

/* 0 when until_ns (0: never) has come, else the context's err. */
static int wait_for_end(struct context *context, uint64_t until_ns)
{
    for (;;) {
        int err = libctx_look_at_end(context);
        if (err)
            return err;
        if (until_ns && libctx_now() >= until_ns)
            return 0;
        libctx_park(context, &context->err, earlier(until_ns, context->deadline_ns));
    }
}

int ctxtrace_wait(ctxtrace_t *handle, int64_t ns)
{
    int before = errno;
    bool has_ended = wait_for_end(libctx_look(handle), ns < 0 ? 0 : moment_after(ns));
    errno = has_ended ? before : ETIMEDOUT;
    return has_ended ? 0 : -1;
}

int ctxtrace_sleep(ctxtrace_t *handle, int64_t ns)
{
    int before = errno;
    uint64_t until_ns = ns == CTXTRACE_FOREVER ? NO_DEADLINE : moment_after(ns > 0 ? ns : 0);
    int err = wait_for_end(libctx_look(handle), until_ns);
    errno = err ? err : before;
    return err ? -1 : 0;
}

/* ---- beside descriptors ---- */

/* `all` has room for one more, the context's own. */
static int poll_with(struct context *context, struct pollfd *all, struct pollfd *fds, nfds_t count)
{
    int fd = libctx_fd_get(context), ready = 0, limit_ms = -1;
    if (fd < 0)
        return -1;
    if (count)
        memcpy(all, fds, count * sizeof *fds);
    all[count] = (struct pollfd){.fd = fd, .events = POLLIN};
    for (;;) {
        ready = poll(all, count + 1, limit_ms);
        bool is_own = ready > 0 && all[count].revents;
        if (ready < 0 || ready > is_own || libctx_look_at_end(context))
            break;
        if (is_own && all[count].revents & POLLNVAL) {
            errno = EBADF;
            return -1;
        }
        if (is_own) { /* somebody else's object has its number by now */
            all[count].fd = -1;
            limit_ms = LOOK_AGAIN_MS;
        }
    }
    for (nfds_t i = 0; ready > 0 && i < count; i++)
        fds[i].revents = all[i].revents;
    int failed = ready < 0 ? errno : 0, err = libctx_look_at_end(context);
    errno = failed = err ? err : failed;
    return failed ? -1 : ready - (all[count].revents != 0);
}

static void free_array(void *array)
{
    free(array);
}

int ctxtrace_poll(ctxtrace_t *handle, struct pollfd *fds, nfds_t count)
{
    struct context *context = libctx_look(handle);
    struct pollfd few[POLL_ON_STACK], *many = NULL;
    int before = errno, result = -1;
    int err = count >= INT_MAX ? EINVAL : libctx_look_at_end(context);
    if (err) {
        errno = err;
        return -1;
    }
    if (context->kind == KIND_ROOT)
        return poll(fds, count, -1);
    if (count >= POLL_ON_STACK) {
        many = calloc(count + 1, sizeof *many);
        if (!many)
            return -1;
    }
    pthread_cleanup_push(free_array, many);
    result = poll_with(context, many ? many : few, fds, count);
    pthread_cleanup_pop(1);
    if (result >= 0)
        errno = before;
    return result;
}

/* ---- beside a condition ---- */

/* What the helper does for a thread that waits, and when it is done with it. */
struct waker {
    pthread_cond_t *cond;
    pthread_mutex_t *mutex;
    ctxtrace_after_t *after;
    _Atomic uint32_t is_done;
};

static void waker_run(void *arg)
{
    struct waker *waker = arg;
    /* The lock: not between the waiter's last look and its sleep. */
    pthread_mutex_lock(waker->mutex);
    pthread_cond_broadcast(waker->cond);
    pthread_mutex_unlock(waker->mutex);
    atomic_store(&waker->is_done, 1);
    libctx_futex_wake(&waker->is_done);
}

/* With the mutex locked, before and after. The helper may be waiting for it, and must be done
 * with it and with `waker` before the caller goes on: both may be gone soon. */
static void waker_end(void *arg)
{
    struct waker *waker = arg;
    if (ctxtrace_stop(waker->after))
        return;
    pthread_mutex_unlock(waker->mutex);
    while (!atomic_load(&waker->is_done))
        libctx_futex_wait(&waker->is_done, 0, 0);
    pthread_mutex_lock(waker->mutex);
}

int ctxtrace_cond_wait(ctxtrace_t *handle, pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    struct context *context = libctx_look(handle);
    struct waker waker = {.cond = cond, .mutex = mutex};
    int before = errno, failed = libctx_look_at_end(context);
    if (!failed && context->kind == KIND_ROOT) {
        failed = pthread_cond_wait(cond, mutex);
    } else if (!failed) {
        waker.after = libctx_after_wake(handle, waker_run, &waker);
        if (!waker.after)
            return -1;
        struct timespec until = timespec_of(context->deadline_ns);
        pthread_cleanup_push(waker_end, &waker);
        failed = context->deadline_ns ? pthread_cond_clockwait(cond, mutex, CLOCK_MONOTONIC, &until)
                                      : pthread_cond_wait(cond, mutex);
        pthread_cleanup_pop(1);
        int err = libctx_look_at_end(context);
        failed = err ? err : failed;
    }
    errno = failed ? failed : before;
    return failed ? -1 : 0;
}
