/* SPDX-License-Identifier: MIT */
/*
 * Threads that take signals for themselves, or want none: whoever stops or asks the
 * process by a signal must not meet them. "wait_" cases are looked at by snapshots.
 *
 * hazard: F3, D3, D6
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "cases.h"

enum { SEND_TO_THREAD = 1 /* PIDFD_SIGNAL_THREAD, Linux 6.9 */ };
enum { TAKERS = 4, SLEEPERS = 4, FAR_S = 3, NEVER_S = 600, SETTLE_US = 200000 };

static sigset_t everything;
static int all_blocked_s; /* how long the sleepers sleep */

/* Without stdio, which main may be flushing for its exit. */
static void say(const char *what, int number)
{
    char line[64];
    int bytes = snprintf(line, sizeof(line), "%s %d\n", what, number);

    (void)!write(STDOUT_FILENO, line, (size_t)bytes);
}

static int take_by_sigwait(void)
{
    int number = 0;

    return sigwait(&everything, &number) ? -1 : number;
}

static int take_by_sigwaitinfo(void)
{
    return sigwaitinfo(&everything, NULL);
}

static int take_by_sigtimedwait(void)
{
    struct timespec far = {NEVER_S, 0};

    return sigtimedwait(&everything, NULL, &far);
}

/* A reader of a signalfd takes what is sent to the process even from a thread that
 * would handle it: only a request to one thread is safe from it. */
static int can_ask_one_thread(void)
{
    int self = pidfd_open(getpid(), 0);
    int answer = pidfd_send_signal(self, 0, NULL, SEND_TO_THREAD);

    close(self);
    return answer == 0;
}

static int take_by_signalfd(void)
{
    struct signalfd_siginfo info = {0};
    ssize_t got;
    int fd;

    if (!can_ask_one_thread())
        return take_by_sigwait();
    fd = signalfd(-1, &everything, SFD_CLOEXEC);
    got = read(fd, &info, sizeof(info));
    close(fd);
    return got == (ssize_t)sizeof(info) ? (int)info.ssi_signo : -1;
}

static int (*const takers[TAKERS])(void) = {take_by_sigwait, take_by_sigwaitinfo,
                                            take_by_sigtimedwait, take_by_signalfd};

/* Gives the number of the one signal that it took; says so at once, too, since the
 * process may end before anybody asks. */
static void *take_signal(void *which)
{
    int number = takers[(intptr_t)which]();

    if (number != SIGUSR2)
        say("taker took", number);
    return (void *)(intptr_t)number;
}

static int sleep_in_some_way(int which)
{
    struct timespec far = {all_blocked_s, 0}, until;
    sem_t never;

    sem_init(&never, 0, 0);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += all_blocked_s;
    switch (which) {
    case 0:
        return nanosleep(&far, NULL);
    case 1:
        return poll(NULL, 0, all_blocked_s * 1000);
    case 2:
        return -(sem_timedwait(&never, &until) && errno == EINTR);
    default:
        return -(usleep((useconds_t)all_blocked_s * 1000000u) != 0);
    }
}

static void *sleep_undisturbed(void *which)
{
    if (sleep_in_some_way((int)(intptr_t)which))
        say("woken: sleeper", (int)(intptr_t)which);
    return NULL;
}

/* All of them block every signal, as workers of node, xz and jemalloc do. */
static void start_threads(pthread_t *threads, int sleep_s)
{
    sigset_t before;

    all_blocked_s = sleep_s;
    sigfillset(&everything);
    pthread_sigmask(SIG_SETMASK, &everything, &before);
    for (intptr_t i = 0; i < TAKERS + SLEEPERS; i++)
        pthread_create(&threads[i], NULL, i < TAKERS ? take_signal : sleep_undisturbed,
                       (void *)(i < TAKERS ? i : i - TAKERS));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    usleep(SETTLE_US);
}

/* Requests come while the threads wait. */
static int run_wait_beside_takers(void)
{
    pthread_t threads[TAKERS + SLEEPERS];
    void *number;

    start_threads(threads, FAR_S);
    puts("ready");
    fflush(stdout);
    for (int i = TAKERS; i < TAKERS + SLEEPERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < TAKERS; i++) {
        pthread_kill(threads[i], SIGUSR2);
        pthread_join(threads[i], &number);
        printf("taker %d took %d in the end\n", i, (int)(intptr_t)number);
    }
    return 0;
}

/* The exit report is made while the threads wait: many streams are held. */
static int run_exit_beside_takers(void)
{
    pthread_t threads[TAKERS + SLEEPERS];

    start_threads(threads, NEVER_S);
    for (int i = 0; i < 20; i++)
        if (!fopen("/etc/passwd", "re"))
            return 1;
    puts("returning");
    return 0;
}

static const struct hazard_case cases[] = {
    {"wait_beside_takers", run_wait_beside_takers},
    {"exit_beside_takers", run_exit_beside_takers},
};

int main(int argc, char **argv)
{
    return RUN_CASES(cases, argc, argv);
}
