// SPDX-License-Identifier: MIT
/* Waits with a limit of their own: for descriptors, times, semaphores, words. */
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#ifdef BY_NUMBER
#include "by_number.h"
#endif
#include "waits.h"

static int idle_pipe[2], epoll_set, semaphore_set;
static sem_t semaphore;

static struct timespec after(clockid_t clock, long ns)
{
    struct timespec t;
    clock_gettime(clock, &t);
    t.tv_nsec += ns;
    t.tv_sec += t.tv_nsec / NS_PER_S;
    t.tv_nsec %= NS_PER_S;
    return t;
}

static int do_poll(void)
{
    struct pollfd one = {idle_pipe[0], POLLIN, 0};
    return poll(&one, 1, WAIT_MS);
}

static int do_ppoll(void)
{
    struct pollfd one = {idle_pipe[0], POLLIN, 0};
    return ppoll(&one, 1, &wait_time, NULL);
}

static int do_select(void)
{
    fd_set set;
    struct timeval timeout = {0, WAIT_MS * 1000};
    FD_ZERO(&set);
    FD_SET(idle_pipe[0], &set);
    int result = select(idle_pipe[0] + 1, &set, NULL, NULL, &timeout);
    return result == 0 && (timeout.tv_sec || timeout.tv_usec) ? 1 : result;
}

static int do_pselect(void)
{
    sigset_t none;
    sigemptyset(&none);
    return pselect(0, NULL, NULL, NULL, &wait_time, &none);
}

static int do_epoll(void)
{
    struct epoll_event event;
    return epoll_wait(epoll_set, &event, 1, WAIT_MS);
}

static int do_epoll_pwait(void)
{
    struct epoll_event event;
    return epoll_pwait(epoll_set, &event, 1, WAIT_MS, NULL);
}

static int do_epoll_pwait2(void)
{
    struct epoll_event event;
    return epoll_pwait2(epoll_set, &event, 1, &wait_time, NULL);
}

static int do_nanosleep(void)
{
    struct timespec time = wait_time;
    return nanosleep(&time, &time);
}

static int do_sleep_relative(void)
{
    errno = clock_nanosleep(CLOCK_MONOTONIC, 0, &wait_time, NULL);
    return errno ? -1 : 0;
}

static int do_sleep_until(void)
{
    struct timespec until = after(CLOCK_MONOTONIC, WAIT_NS);
    errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    return errno ? -1 : 0;
}

static int do_sleep_unsteady(void)
{
    errno = clock_nanosleep(CLOCK_BOOTTIME, 0, &wait_time, NULL);
    return errno ? -1 : 0;
}

static int do_usleep(void)
{
    return usleep((useconds_t)WAIT_MS * 1000);
}

static int do_sleep(void)
{
    if (sleep(1) == 0)
        return 0;
    errno = EINTR;
    return -1;
}

static int do_thrd_sleep(void)
{
    if (thrd_sleep(&wait_time, NULL) != -1)
        return 0;
    errno = EINTR;
    return -1;
}

static int do_sem_timedwait(void)
{
    struct timespec until = after(CLOCK_REALTIME, WAIT_NS);
    return until_timeout(sem_timedwait(&semaphore, &until));
}

static int do_semtimedop(void)
{
    struct sembuf down = {0, -1, 0};
    return until_timeout(semtimedop(semaphore_set, &down, 1, &wait_time));
}

/* There is no function of libc's for these. */
static int futex_wait(int operation, const struct timespec *limit)
{
    static unsigned word;
    return until_timeout(
        (int)syscall(SYS_futex, &word, operation, 0, limit, NULL, FUTEX_BITSET_MATCH_ANY));
}

static int do_futex(void)
{
    return futex_wait(FUTEX_WAIT_PRIVATE, &wait_time);
}

static int do_futex_until(void)
{
    struct timespec until = after(CLOCK_MONOTONIC, WAIT_NS);
    return futex_wait(FUTEX_WAIT_BITSET_PRIVATE, &until);
}

static int do_sigtimedwait(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return until_timeout(sigtimedwait(&set, NULL, &wait_time));
}

struct wait_case timed_waits[] = {
    {"poll", do_poll, WAIT_NS, 0},
    {"ppoll", do_ppoll, WAIT_NS, 0},
    {"select", do_select, WAIT_NS, 0},
    {"pselect", do_pselect, WAIT_NS, 0},
    {"epoll_wait", do_epoll, WAIT_NS, 0},
    {"epoll_pwait", do_epoll_pwait, WAIT_NS, 0},
    {"epoll_pwait2", do_epoll_pwait2, WAIT_NS, 0},
    {"nanosleep", do_nanosleep, WAIT_NS, 0},
    {"clock_nanosleep", do_sleep_relative, WAIT_NS, 0},
    {"clock_nanosleep until", do_sleep_until, WAIT_NS, 0},
    {"clock_nanosleep, another clock", do_sleep_unsteady, WAIT_NS, 0},
    {"usleep", do_usleep, WAIT_NS, 0},
    {"sleep", do_sleep, NS_PER_S, 0},
    {"thrd_sleep", do_thrd_sleep, WAIT_NS, 0},
    {"sem_timedwait", do_sem_timedwait, WAIT_NS, 0},
    {"semtimedop", do_semtimedop, WAIT_NS, 0},
    {"futex", do_futex, WAIT_NS, 0},
    {"futex until", do_futex_until, WAIT_NS, 0},
    {"sigtimedwait", do_sigtimedwait, WAIT_NS, 0},
    {0},
};

void timed_waits_begin(void)
{
    sigset_t waited_for;
    sigemptyset(&waited_for);
    sigaddset(&waited_for, SIGUSR2);
    sigprocmask(SIG_BLOCK, &waited_for, NULL);
    if (pipe(idle_pipe) < 0)
        idle_pipe[0] = idle_pipe[1] = -1;
    epoll_set = epoll_create1(0);
    sem_init(&semaphore, 0, 0);
    semaphore_set = semget(IPC_PRIVATE, 1, 0600);
}

void timed_waits_end(void)
{
    semctl(semaphore_set, 0, IPC_RMID);
    close(epoll_set);
    close(idle_pipe[0]);
    close(idle_pipe[1]);
}
