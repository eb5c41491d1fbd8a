/* SPDX-License-Identifier: MIT */
/*
 * Sleeps, semaphores, message queues and requests in flight that return EINTR
 * after any handler: gone on with when our own alone interrupted them (facts/waiting.h).
 *
 * A sleep goes on as a ppoll() of nothing, which takes the mask atomically; the
 * kernel may end that up to a thousandth late. Semaphores and queues take no
 * mask: it is put back first, and a signal that was waiting for that ends the
 * wait as it should. What remains is the race that every such call has: a
 * signal just before it goes to sleep does not interrupt it.
 */
#include <aio.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "preload/facts/waiting.h"
#include "preload/ground/hook.h"

extern struct hook hook_ppoll; /* wait.c */

int __nanosleep(const struct timespec *time, struct timespec *left);

HOOK(nanosleep);

/* After the first call's EINTR: sleeps until `deadline` as long as only we
 * interrupt. 0: slept. -1 with EINTR: the program's own signal. */
static int sleep_on(struct waiting *wait, uint64_t deadline)
{
    struct timespec left;
    int result = -1;
    while (result < 0 && waiting_resumes(wait, SYS_ppoll)) {
        deadline_left(deadline, &left);
        result =
            wait->masked ? REAL(ppoll)(NULL, 0, &left, &wait->mask) : REAL(nanosleep)(&left, NULL);
    }
    return result;
}

/* ---- nanosleep and its like: -1, and what is left in `left` ---- */

#define SLEEPS(function, interrupted)                                                              \
    HOOK_EXPORT int function(const struct timespec *time, struct timespec *left)                   \
    {                                                                                              \
        WAITING(wait);                                                                             \
        struct timespec rest;                                                                      \
        uint64_t deadline = deadline_after(time);                                                  \
        int result = REAL(function)(time, &rest);                                                  \
        if (result < 0 && wait.held) {                                                             \
            result = sleep_on(&wait, deadline);                                                    \
            deadline_left(deadline, &rest);                                                        \
        }                                                                                          \
        waiting_end(&wait);                                                                        \
        if (result < 0 && left && (interrupted))                                                   \
            *left = rest;                                                                          \
        return result;                                                                             \
    }

HOOK(__nanosleep);
HOOK(thrd_sleep);
SLEEPS(nanosleep, errno == EINTR)
SLEEPS(__nanosleep, errno == EINTR)
SLEEPS(thrd_sleep, result == -1)

/* Relative sleeps on a clock that runs like ours go on as above; absolute ones
 * are made again as they were. Errors are results here, not errno. */
HOOK(clock_nanosleep);
HOOK_EXPORT int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time,
                                struct timespec *left)
{
    WAITING(wait);
    struct timespec rest = {0, 0};
    bool relative = !(flags & TIMER_ABSTIME);
    uint64_t deadline = relative ? deadline_after(time) : DEADLINE_NEVER;
    int result = REAL(clock_nanosleep)(clock, flags, time, relative ? &rest : NULL);
    if (result == EINTR && wait.held && relative && clock_runs_steadily(clock)) {
        result = sleep_on(&wait, deadline) == 0 ? 0 : EINTR;
        deadline_left(deadline, &rest);
    }
    while (result == EINTR && waiting_resumes_unmasked(&wait)) {
        struct timespec again = relative ? rest : *time;
        result = REAL(clock_nanosleep)(clock, flags, &again, relative ? &rest : NULL);
    }
    waiting_end(&wait);
    if (result == EINTR && relative && left)
        *left = rest;
    return result;
}

HOOK(usleep);
HOOK_EXPORT int usleep(useconds_t microseconds)
{
    WAITING(wait);
    struct timespec time = {microseconds / 1000000, (long)(microseconds % 1000000) * 1000};
    uint64_t deadline = deadline_after(&time);
    int result = REAL(usleep)(microseconds);
    if (result < 0 && wait.held)
        result = sleep_on(&wait, deadline);
    waiting_end(&wait);
    return result;
}

/* Tells the whole seconds left, also 0 when a part of one was left: only
 * `held` says that it was interrupted. */
HOOK(sleep);
HOOK_EXPORT unsigned int sleep(unsigned int seconds)
{
    WAITING(wait);
    struct timespec time = {seconds, 0};
    uint64_t deadline = deadline_after(&time);
    unsigned int result = REAL(sleep)(seconds);
    if (wait.held && sleep_on(&wait, deadline) == 0) {
        result = 0;
    } else if (wait.held) {
        deadline_left(deadline, &time);
        result = (unsigned int)time.tv_sec;
    }
    waiting_end(&wait);
    return result;
}

/* ---- semaphores and queues ---- */

#define AGAIN_AS_IT_WAS(ret, function, params, args)                                               \
    HOOK(function);                                                                                \
    HOOK_EXPORT ret function params                                                                \
    {                                                                                              \
        WAITING(wait);                                                                             \
        ret result = REAL(function) args;                                                          \
        while (result < 0 && waiting_resumes_unmasked(&wait))                                      \
            result = REAL(function) args;                                                          \
        waiting_end(&wait);                                                                        \
        return result;                                                                             \
    }

AGAIN_AS_IT_WAS(int, sem_timedwait, (sem_t * semaphore, const struct timespec *until),
                (semaphore, until))
AGAIN_AS_IT_WAS(int, sem_clockwait,
                (sem_t * semaphore, clockid_t clock, const struct timespec *until),
                (semaphore, clock, until))
AGAIN_AS_IT_WAS(int, semop, (int set, struct sembuf *steps, size_t count), (set, steps, count))
AGAIN_AS_IT_WAS(int, msgsnd, (int queue, const void *message, size_t bytes, int flags),
                (queue, message, bytes, flags))
AGAIN_AS_IT_WAS(ssize_t, msgrcv, (int queue, void *message, size_t bytes, long type, int flags),
                (queue, message, bytes, type, flags))

HOOK(semtimedop);
HOOK_EXPORT int semtimedop(int set, struct sembuf *steps, size_t count,
                           const struct timespec *timeout)
{
    WAITING(wait);
    uint64_t deadline = deadline_after(timeout);
    struct timespec left;
    int result = REAL(semtimedop)(set, steps, count, timeout);
    while (result < 0 && waiting_resumes_unmasked(&wait))
        result = REAL(semtimedop)(set, steps, count, deadline_left(deadline, &left));
    waiting_end(&wait);
    return result;
}

/* ---- requests that libc's own threads work on ---- */

/* libc waits in a function that has an entry for each request on its stack. */
#define AIO_ENTRY_BYTES (5 * sizeof(void *)) /* four words of the entry, its address */
#define GAI_ENTRY_BYTES (4 * sizeof(void *))

static void waiting_begin_below(struct waiting *wait, uintptr_t frame, int count, size_t bytes)
{
    waiting_begin(wait, frame - (count > 0 ? (size_t)count * bytes : 0));
}

#define SUSPENDS_FOR(function, request, entry_bytes, interrupted)                                  \
    HOOK(function);                                                                                \
    HOOK_EXPORT int function(const struct request *const list[], int count,                        \
                             const struct timespec *timeout)                                       \
    {                                                                                              \
        struct waiting wait;                                                                       \
        SPILL_REGISTERS();                                                                         \
        waiting_begin_below(&wait, GUARD_FRAME(), count, entry_bytes);                             \
        uint64_t deadline = deadline_after(timeout);                                               \
        struct timespec left;                                                                      \
        int result = REAL(function)(list, count, timeout);                                         \
        while ((interrupted) && waiting_resumes_unmasked(&wait))                                   \
            result = REAL(function)(list, count, deadline_left(deadline, &left));                  \
        waiting_end(&wait);                                                                        \
        return result;                                                                             \
    }

SUSPENDS_FOR(aio_suspend, aiocb, AIO_ENTRY_BYTES, result < 0 && errno == EINTR)
SUSPENDS_FOR(aio_suspend64, aiocb64, AIO_ENTRY_BYTES, result < 0 && errno == EINTR)
SUSPENDS_FOR(gai_suspend, gaicb, GAI_ENTRY_BYTES, result == EAI_INTR)
