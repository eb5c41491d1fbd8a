/* SPDX-License-Identifier: MIT */
/*
 * Hazards of signals and threads: the program's own use of our signals, waits that a
 * snapshot interrupts, small signal stacks, threads made inside libc.
 *
 * Cases whose name begins with "wait_" print "ready" and then wait for seconds:
 * meanwhile the runner takes snapshots. They print which of the waits ended early.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "cases.h"

enum { THREADS = 2000, FAR_S = 3 };

static volatile sig_atomic_t seen;

static void count_signal(int number)
{
    seen++;
}

/* hazard: D2: the program's own SIGUSR1 handler wins, and reads back as its own. */
static int run_own_handler(void)
{
    struct sigaction old;

    printf("%d", signal(SIGUSR1, count_signal) == SIG_DFL);
    for (int i = 0; i < 5; i++)
        raise(SIGUSR1);
    sigaction(SIGUSR1, NULL, &old);
    printf(" %d %d", (int)seen, old.sa_handler == count_signal);
    printf(" %d", signal(SIGUSR1, SIG_IGN) == count_signal);
    raise(SIGUSR1);
    printf(" %d\n", signal(SIGUSR1, SIG_DFL) == SIG_IGN);
    return 0;
}

static void *wait_for_signal(void *set)
{
    int number = 0;

    sigwait(set, &number);
    return (void *)(intptr_t)number;
}

/* hazard: D3: a program that blocks SIGUSR1 and takes it by sigwait keeps it. */
static int run_sigwait(void)
{
    pthread_t thread;
    void *number;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_create(&thread, NULL, wait_for_signal, &set);
    kill(getpid(), SIGUSR1);
    pthread_join(thread, &number);
    printf("%d\n", (int)(intptr_t)number == SIGUSR1);
    return 0;
}

/* hazard: D7, D13: a program that makes thousands of threads, some detached. */
static void *return_argument(void *argument)
{
    return argument;
}

static int run_many_threads(void)
{
    intptr_t sum = 0;

    for (intptr_t i = 0; i < THREADS; i++) {
        pthread_t thread;
        void *result = NULL;

        if (pthread_create(&thread, NULL, return_argument, (void *)i))
            return 1;
        if (i % 4 == 0)
            pthread_detach(thread);
        else if (!pthread_join(thread, &result))
            sum += (intptr_t)result;
    }
    printf("%ld\n", (long)sum);
    return 0;
}

static int return_seven(void *argument)
{
    free(malloc(10));
    return 7;
}

static void count_timer(union sigval value)
{
    free(malloc(10));
    sem_post(value.sival_ptr);
}

/* hazard: D8, 0.8: threads that libc makes without calling pthread_create. */
static int run_hidden_threads(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = count_timer};
    struct itimerspec soon = {.it_value.tv_nsec = 1000000};
    timer_t timer;
    thrd_t thread;
    int result = 0;
    sem_t posted;

    sem_init(&posted, 0, 0);
    event.sigev_value.sival_ptr = &posted;
    thrd_create(&thread, return_seven, NULL);
    thrd_join(thread, &result);
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &soon, NULL))
        return 1;
    sem_wait(&posted);
    timer_delete(timer);
    printf("%d\n", result);
    return 0;
}

static void judge(const char *name, int result)
{
    if (result < 0 && errno == EINTR)
        printf("%s was interrupted\n", name);
}

static void *wait_in_every_way(void *stop)
{
    struct timespec far = {FAR_S, 0}, until;
    struct timeval far_time = {FAR_S, 0};
    struct epoll_event event;
    int set = epoll_create1(EPOLL_CLOEXEC);
    sem_t never;

    sem_init(&never, 0, 0);
    switch ((intptr_t)stop) {
    case 0:
        judge("nanosleep", nanosleep(&far, NULL));
        break;
    case 1:
        judge("poll", poll(NULL, 0, FAR_S * 1000));
        break;
    case 2:
        judge("select", select(0, NULL, NULL, NULL, &far_time));
        break;
    case 3:
        judge("epoll_wait", epoll_wait(set, &event, 1, FAR_S * 1000));
        break;
    case 4:
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += FAR_S;
        judge("sem_timedwait", sem_timedwait(&never, &until));
        break;
    case 5:
        judge("clock_nanosleep", -(clock_nanosleep(CLOCK_MONOTONIC, 0, &far, NULL) == EINTR));
        break;
    default:
        judge("usleep", usleep(FAR_S * 1000000u));
    }
    close(set);
    return NULL;
}

/* hazard: D4, 0.4: no wait of the program returns early because of a snapshot. */
static int run_wait_threads(void)
{
    enum { WAYS = 7 };
    pthread_t threads[WAYS];

    for (intptr_t i = 0; i < WAYS; i++)
        pthread_create(&threads[i], NULL, wait_in_every_way, (void *)i);
    puts("ready");
    fflush(stdout);
    for (int i = 0; i < WAYS; i++)
        pthread_join(threads[i], NULL);
    puts("waited");
    return 0;
}

/* hazard: D4: the only thread waits, and the signal can go to nobody else. */
static int run_wait_main(void)
{
    struct timespec begin, end;

    puts("ready");
    fflush(stdout);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (intptr_t i = 0; i < 2; i++)
        wait_in_every_way((void *)i);
    printf("sleep left %u\n", sleep(1));
    clock_gettime(CLOCK_MONOTONIC, &end);
    puts(end.tv_sec - begin.tv_sec >= 2 * FAR_S ? "long enough" : "too short");
    return 0;
}

/* hazard: D5: a snapshot while a handler runs on the smallest alternate stack. */
static char small_stack[8192];

static void wait_on_small_stack(int number)
{
    struct timespec pause = {2, 0};

    puts("ready");
    fflush(stdout);
    nanosleep(&pause, NULL);
}

static int run_wait_small_stack(void)
{
    stack_t stack = {.ss_sp = small_stack, .ss_size = sizeof(small_stack)};
    struct sigaction action = {.sa_handler = wait_on_small_stack, .sa_flags = SA_ONSTACK};

    if (sigaltstack(&stack, NULL) || sigaction(SIGUSR2, &action, NULL))
        return 1;
    raise(SIGUSR2);
    puts("back");
    return 0;
}

static const struct hazard_case cases[] = {
    {"own_handler", run_own_handler},           {"sigwait", run_sigwait},
    {"many_threads", run_many_threads},         {"hidden_threads", run_hidden_threads},
    {"wait_threads", run_wait_threads},         {"wait_main", run_wait_main},
    {"wait_small_stack", run_wait_small_stack},
};

int main(int argc, char **argv)
{
    return RUN_CASES(cases, argc, argv);
}
