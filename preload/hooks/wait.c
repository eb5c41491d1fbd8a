/* SPDX-License-Identifier: MIT */
/*
 * Waits for descriptors and signals that return EINTR after any handler: gone
 * on with, for the time that is left, when our own handler alone interrupted
 * them (facts/waiting.h). Sleeps and semaphores are in wait_time.c.
 *
 * The first call is always the program's own, unchanged. Only the resumed ones
 * are made in their mask-taking form.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/facts/waiting.h"
#include "preload/hooks/family.h"

/* Whoever waits for a descriptor uses it; a wait for thousands is not worth a
 * store for each. */
#define POLLED_MAX 64u

static void polled(const struct pollfd *fds, nfds_t count, uintptr_t frame)
{
    if (count > POLLED_MAX || !guard_may_record(frame))
        return;
    for (nfds_t i = 0; i < count; i++)
        if (fds[i].fd >= 0 && fds[i].revents)
            fd_used(fds[i].fd);
}

HOOK(ppoll);
HOOK(pselect);
HOOK(sigsuspend);
HOOK(epoll_pwait);

/* ---- poll ---- */

HOOK(poll);

static int poll_again(struct waiting *wait, struct pollfd *fds, nfds_t count, uint64_t deadline,
                      const sigset_t *mask)
{
    struct timespec left;
    if (!wait->masked && !mask)
        return REAL(poll)(fds, count, deadline_left_ms(deadline));
    return REAL(ppoll)(fds, count, deadline_left(deadline, &left), mask ? mask : &wait->mask);
}

/* `call` is the real function with the program's arguments. */
#define POLLS(function, params, call, timeout_deadline, program_mask)                              \
    HOOK_EXPORT int function params                                                                \
    {                                                                                              \
        WAITING(wait);                                                                             \
        uint64_t deadline = timeout_deadline;                                                      \
        int result = call;                                                                         \
        while (result < 0 && waiting_resumes(&wait, SYS_ppoll))                                    \
            result = poll_again(&wait, fds, count, deadline, program_mask);                        \
        waiting_end(&wait);                                                                        \
        if (result > 0)                                                                            \
            polled(fds, count, GUARD_FRAME());                                                     \
        return result;                                                                             \
    }

int __poll(struct pollfd *fds, nfds_t count, int timeout);
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size);
int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                const sigset_t *mask, size_t size);

HOOK(__poll);
HOOK(__poll_chk);
HOOK(__ppoll_chk);

POLLS(poll, (struct pollfd * fds, nfds_t count, int timeout), REAL(poll)(fds, count, timeout),
      deadline_after_ms(timeout), NULL)
POLLS(__poll, (struct pollfd * fds, nfds_t count, int timeout), REAL(__poll)(fds, count, timeout),
      deadline_after_ms(timeout), NULL)
POLLS(__poll_chk, (struct pollfd * fds, nfds_t count, int timeout, size_t size),
      REAL(__poll_chk)(fds, count, timeout, size), deadline_after_ms(timeout), NULL)
POLLS(ppoll,
      (struct pollfd * fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask),
      REAL(ppoll)(fds, count, timeout, mask), deadline_after(timeout), mask)
POLLS(__ppoll_chk,
      (struct pollfd * fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask,
       size_t size),
      REAL(__ppoll_chk)(fds, count, timeout, mask, size), deadline_after(timeout), mask)

/* ---- select ---- */

static uint64_t deadline_after_timeval(const struct timeval *timeout)
{
    if (!timeout)
        return DEADLINE_NEVER;
    struct timespec t = {timeout->tv_sec, timeout->tv_usec * 1000L};
    return deadline_after(&t);
}

HOOK(select);

/* The sets are the program's still: the kernel writes them only when the wait
 * is over. Linux leaves the time that was not slept in `timeout`. */
static int select_again(struct waiting *wait, int count, fd_set *sets[3], struct timeval *timeout,
                        uint64_t deadline)
{
    struct timespec left;
    if (!wait->masked)
        return REAL(select)(count, sets[0], sets[1], sets[2], timeout);
    int result = REAL(pselect)(count, sets[0], sets[1], sets[2], deadline_left(deadline, &left),
                               &wait->mask);
    if (timeout && deadline_left(deadline, &left))
        *timeout = (struct timeval){left.tv_sec, left.tv_nsec / 1000};
    return result;
}

#define SELECTS(function)                                                                          \
    HOOK_EXPORT int function(int count, fd_set *reads, fd_set *writes, fd_set *exceptions,         \
                             struct timeval *timeout)                                              \
    {                                                                                              \
        WAITING(wait);                                                                             \
        fd_set *sets[3] = {reads, writes, exceptions};                                             \
        uint64_t deadline = deadline_after_timeval(timeout);                                       \
        int result = REAL(function)(count, reads, writes, exceptions, timeout);                    \
        while (result < 0 && waiting_resumes(&wait, SYS_pselect6))                                 \
            result = select_again(&wait, count, sets, timeout, deadline);                          \
        waiting_end(&wait);                                                                        \
        return result;                                                                             \
    }

int __select(int count, fd_set *reads, fd_set *writes, fd_set *exceptions, struct timeval *timeout);
HOOK(__select);
SELECTS(select)
SELECTS(__select)

HOOK_EXPORT int pselect(int count, fd_set *reads, fd_set *writes, fd_set *exceptions,
                        const struct timespec *timeout, const sigset_t *mask)
{
    WAITING(wait);
    uint64_t deadline = deadline_after(timeout);
    struct timespec left;
    int result = REAL(pselect)(count, reads, writes, exceptions, timeout, mask);
    while (result < 0 && waiting_resumes(&wait, SYS_pselect6))
        result = REAL(pselect)(count, reads, writes, exceptions, deadline_left(deadline, &left),
                               mask ? mask : &wait.mask);
    waiting_end(&wait);
    return result;
}

/* ---- epoll ---- */

static void epolled(int epoll, int result, uintptr_t frame)
{
    if (result > 0 && guard_may_record(frame))
        fd_used(epoll);
}

HOOK(epoll_wait);
HOOK_EXPORT int epoll_wait(int epoll, struct epoll_event *events, int max, int timeout)
{
    WAITING(wait);
    uint64_t deadline = deadline_after_ms(timeout);
    int result = REAL(epoll_wait)(epoll, events, max, timeout);
    while (result < 0 && waiting_resumes(&wait, SYS_epoll_pwait)) {
        int left = deadline_left_ms(deadline);
        result = wait.masked ? REAL(epoll_pwait)(epoll, events, max, left, &wait.mask)
                             : REAL(epoll_wait)(epoll, events, max, left);
    }
    waiting_end(&wait);
    epolled(epoll, result, GUARD_FRAME());
    return result;
}

HOOK_EXPORT int epoll_pwait(int epoll, struct epoll_event *events, int max, int timeout,
                            const sigset_t *mask)
{
    WAITING(wait);
    uint64_t deadline = deadline_after_ms(timeout);
    int result = REAL(epoll_pwait)(epoll, events, max, timeout, mask);
    while (result < 0 && waiting_resumes(&wait, SYS_epoll_pwait))
        result = REAL(epoll_pwait)(epoll, events, max, deadline_left_ms(deadline),
                                   mask ? mask : &wait.mask);
    waiting_end(&wait);
    epolled(epoll, result, GUARD_FRAME());
    return result;
}

HOOK(epoll_pwait2);
HOOK_EXPORT int epoll_pwait2(int epoll, struct epoll_event *events, int max,
                             const struct timespec *timeout, const sigset_t *mask)
{
    WAITING(wait);
    uint64_t deadline = deadline_after(timeout);
    struct timespec left;
    int result = REAL(epoll_pwait2)(epoll, events, max, timeout, mask);
    while (result < 0 && waiting_resumes(&wait, SYS_epoll_pwait2))
        result = REAL(epoll_pwait2)(epoll, events, max, deadline_left(deadline, &left),
                                    mask ? mask : &wait.mask);
    waiting_end(&wait);
    epolled(epoll, result, GUARD_FRAME());
    return result;
}

/* ---- signals ---- */

HOOK(pause);
HOOK_EXPORT int pause(void)
{
    WAITING(wait);
    int result = REAL(pause)();
    while (result < 0 && waiting_resumes(&wait, SYS_rt_sigsuspend))
        result = wait.masked ? REAL(sigsuspend)(&wait.mask) : REAL(pause)();
    waiting_end(&wait);
    return result;
}

int __sigsuspend(const sigset_t *mask);
HOOK(__sigsuspend);

#define SUSPENDS(function)                                                                         \
    HOOK_EXPORT int function(const sigset_t *mask)                                                 \
    {                                                                                              \
        WAITING(wait);                                                                             \
        int result = REAL(function)(mask);                                                         \
        while (result < 0 && waiting_resumes(&wait, SYS_rt_sigsuspend))                            \
            result = REAL(function)(mask);                                                         \
        waiting_end(&wait);                                                                        \
        return result;                                                                             \
    }
SUSPENDS(sigsuspend)
SUSPENDS(__sigsuspend)

/* The older ones name the mask by its first 32 signals, or the one signal that
 * is to be let through. The mask in force is wait.mask again when one returns. */
int __sigpause(int number_or_mask, int is_number);
int __xpg_sigpause(int number);
int sigpause_bsd(int mask) __asm__("sigpause"); /* the header's is the other one */

static int sigpause_again(struct waiting *wait, int number_or_mask, bool is_number)
{
    sigset_t mask = wait->mask;
    uint64_t first = (unsigned)number_or_mask;
    if (is_number) {
        memcpy(&first, &mask, sizeof first);
        first &= ~(UINT64_C(1) << (number_or_mask - 1));
    }
    memcpy(&mask, &first, sizeof first);
    return REAL(sigsuspend)(&mask);
}

#define SIGPAUSES(hook_name, function, params, args, number_or_mask, is_number)                    \
    struct hook hook_##function HOOK_ROW = {hook_name, NULL, NULL, false};                         \
    HOOK_EXPORT int function params                                                                \
    {                                                                                              \
        WAITING(wait);                                                                             \
        int result = REAL(function) args;                                                          \
        while (result < 0 && waiting_resumes(&wait, SYS_rt_sigsuspend))                            \
            result = sigpause_again(&wait, number_or_mask, is_number);                             \
        waiting_end(&wait);                                                                        \
        return result;                                                                             \
    }
SIGPAUSES("sigpause", sigpause_bsd, (int mask), (mask), mask, false)
SIGPAUSES("__xpg_sigpause", __xpg_sigpause, (int number), (number), number, true)
SIGPAUSES("__sigpause", __sigpause, (int number_or_mask, int is_number),
          (number_or_mask, is_number), number_or_mask, is_number != 0)

/* These wait for blocked signals, and take no other mask. */
HOOK(sigwaitinfo);
HOOK_EXPORT int sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
    WAITING(wait);
    int result = REAL(sigwaitinfo)(set, info);
    while (result < 0 && waiting_resumes_unmasked(&wait))
        result = REAL(sigwaitinfo)(set, info);
    waiting_end(&wait);
    return result;
}

HOOK(sigtimedwait);
HOOK_EXPORT int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
    WAITING(wait);
    uint64_t deadline = deadline_after(timeout);
    struct timespec left;
    int result = REAL(sigtimedwait)(set, info, timeout);
    while (result < 0 && waiting_resumes_unmasked(&wait))
        result = REAL(sigtimedwait)(set, info, deadline_left(deadline, &left));
    waiting_end(&wait);
    return result;
}
