// SPDX-License-Identifier: MIT
/*
 * Waits of a program that confines itself to them: it is killed for the calls by which
 * an interrupted wait would go on best. hazard: D4, D15
 *
 *     waits_confined SECONDS kill|refuse|keep|blind
 *
 * refuse: those calls only fail. keep: and so does every change of the signal mask; then an
 * interrupted wait is seen as one, but nothing may stay blocked. blind: killed instead for
 * the calls by which one looks at memory that may be gone.
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
#include <string.h>
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
    KILL_FOR(rt_sigprocmask),
    KILL_FOR(process_vm_readv),
    KILL_FOR(getpid),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

/* What becomes of the calls, in the filter's order. */
enum { CALLS = 6, FIRST_ACTION = 2, EVERY = 2 };
static const struct way {
    const char *name;
    uint32_t actions[CALLS];
} ways[] = {
#define ALLOWED SECCOMP_RET_ALLOW
#define KILLED  SECCOMP_RET_KILL_PROCESS
#define REFUSED (SECCOMP_RET_ERRNO | EPERM)
    {"kill", {KILLED, KILLED, KILLED, ALLOWED, ALLOWED, ALLOWED}},
    {"refuse", {REFUSED, REFUSED, REFUSED, ALLOWED, ALLOWED, ALLOWED}},
    {"keep", {REFUSED, REFUSED, REFUSED, REFUSED, ALLOWED, ALLOWED}},
    {"blind", {ALLOWED, ALLOWED, ALLOWED, ALLOWED, KILLED, KILLED}},
};

static int epoll_set, quiet[2];
static atomic_bool over;
static bool mask_is_kept;

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
        if (mask_is_kept && result < 0 && errno == EINTR)
            continue;
        if (result != 0 || (row != BY_NUMBER_ROW && ns < WAIT_NS * 9 / 10)) {
            printf("wait %d: %d (errno %d) after %ld us\n", (int)row, result, errno, ns / 1000);
            return which;
        }
    }
    return NULL;
}

static int blocked(void)
{
    char line[256];
    unsigned long mask = 0;
    FILE *status = fopen("/proc/self/status", "re");
    while (fgets(line, sizeof line, status)) {
        if (strncmp(line, "SigBlk:", 7) == 0)
            mask = strtoul(line + 7, NULL, 16);
    }
    fclose(status);
    return mask != 0;
}

static void confine(const char *how)
{
    mask_is_kept = strcmp(how, "keep") == 0;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (strcmp(ways[i].name, how) == 0) {
            for (int call = 0; call < CALLS; call++)
                filter[FIRST_ACTION + call * EVERY].k = ways[i].actions[call];
        }
    }
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        exit(2);
}

int main(int argc, char **argv)
{
    pthread_t threads[WAITS];
    struct timespec time = {argc == 3 ? atoi(argv[1]) : 0, 0};
    struct timeval limit = {0, WAIT_MS * 1000};
    int failed = time.tv_sec == 0;
    epoll_set = epoll_create1(0);
    socketpair(AF_UNIX, SOCK_STREAM, 0, quiet);
    setsockopt(quiet[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    confine(argv[2]);
    for (intptr_t i = 0; i < WAITS; i++)
        pthread_create(&threads[i], NULL, wait_often, (void *)i);
    puts("ready");
    fflush(stdout);
    while (nanosleep(&time, &time) < 0)
        continue;
    over = true;
    for (intptr_t i = 0; i < WAITS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        failed |= result != NULL;
    }
    return failed || blocked();
}
