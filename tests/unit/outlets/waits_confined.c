// SPDX-License-Identifier: MIT
/*
 * Waits of a program that confines itself to them: it is killed for the calls by which
 * an interrupted wait would go on best. hazard: D4, D15
 *
 *     waits_confined SECONDS
 *
 * Says "ready", then waits in each way over and over; the status says whether all waits
 * came to their own end.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "waits.h"

#define KILL_FOR(name)                                                                             \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1),                                         \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

static struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    KILL_FOR(ppoll),
    KILL_FOR(epoll_pwait),
    KILL_FOR(rt_sigsuspend),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

static int epoll_set, quiet[2];
static atomic_bool over;

static int do_poll(void)
{
    return poll(NULL, 0, WAIT_MS);
}

static int do_epoll(void)
{
    struct epoll_event event;
    return epoll_wait(epoll_set, &event, 1, WAIT_MS);
}

static int do_nanosleep(void)
{
    return nanosleep(&wait_time, NULL);
}

static int do_usleep(void)
{
    return usleep((useconds_t)WAIT_MS * 1000);
}

static int do_receive(void)
{
    char byte;
    return until_timeout((int)recv(quiet[0], &byte, 1, 0));
}

static int do_poll_by_number(void)
{
    int result = (int)syscall(SYS_poll, NULL, 0, WAIT_MS);
    /* Natively it would be over by then: what is left of the limit is not known. */
    return result < 0 && errno == EINTR ? 0 : result;
}

static int (*const waits[])(void) = {do_poll,   do_epoll,   do_nanosleep,
                                     do_usleep, do_receive, do_poll_by_number};
enum { WAITS = sizeof(waits) / sizeof(waits[0]), BY_NUMBER_ROW = WAITS - 1 };

static void *wait_often(void *which)
{
    intptr_t row = (intptr_t)which;
    while (!over) {
        struct timespec begun, ended;
        clock_gettime(CLOCK_MONOTONIC, &begun);
        int result = waits[row]();
        clock_gettime(CLOCK_MONOTONIC, &ended);
        long ns = (ended.tv_sec - begun.tv_sec) * NS_PER_S + ended.tv_nsec - begun.tv_nsec;
        if (result != 0 || (row != BY_NUMBER_ROW && ns < WAIT_NS * 9 / 10)) {
            printf("wait %d: %d (errno %d) after %ld us\n", (int)row, result, errno, ns / 1000);
            return which;
        }
    }
    return NULL;
}

static void confine(void)
{
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        exit(2);
}

int main(int argc, char **argv)
{
    pthread_t threads[WAITS];
    struct timespec time = {argc == 2 ? atoi(argv[1]) : 0, 0};
    struct timeval limit = {0, WAIT_MS * 1000};
    int failed = time.tv_sec == 0;
    epoll_set = epoll_create1(0);
    socketpair(AF_UNIX, SOCK_STREAM, 0, quiet);
    setsockopt(quiet[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    confine();
    for (intptr_t i = 0; i < WAITS; i++)
        pthread_create(&threads[i], NULL, wait_often, (void *)i);
    puts("ready");
    fflush(stdout);
    nanosleep(&time, NULL);
    over = true;
    for (intptr_t i = 0; i < WAITS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        failed |= result != NULL;
    }
    return failed;
}
