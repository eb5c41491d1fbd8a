// SPDX-License-Identifier: MIT
/*
 * A snapshot's signal and one of the program's own arrive together, in both
 * orders and at all distances: each of the program's must end its wait, and
 * nothing else may. hazard: D4
 *
 *     races WAIT SIGNAL FLAGS ROUNDS
 *
 * A child sends both when the wait is seen in /proc/PID/syscall. A wait that
 * does not end in PATIENCE_S seconds was swallowed.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef BY_NUMBER
#include "by_number.h"
#endif

#define PATIENCE_S 5
#define SPIN_MAX   3000u

static struct shared {
    atomic_int begun, done, handled;
} * shared;

static void on_signal(int number)
{
    shared->handled++;
}

static int epoll_set;
static sigset_t nothing;
static const struct timespec long_time = {100, 0};

static int wait_sleep(void)
{
    errno = EINTR;
    return sleep((unsigned)long_time.tv_sec) ? -1 : 0;
}

static int wait_clock(void)
{
    errno = clock_nanosleep(CLOCK_MONOTONIC, 0, &long_time, NULL);
    return errno ? -1 : 0;
}

static int wait_epoll(void)
{
    struct epoll_event event;
    return epoll_wait(epoll_set, &event, 1, -1);
}

static int do_poll(void)
{
    return poll(NULL, 0, -1);
}
static int do_ppoll(void)
{
    return ppoll(NULL, 0, &long_time, &nothing);
}
static int do_select(void)
{
    return select(0, NULL, NULL, NULL, NULL);
}
static int do_nanosleep(void)
{
    return nanosleep(&long_time, NULL);
}
static int do_pause(void)
{
    return pause();
}
static int do_suspend(void)
{
    return sigsuspend(&nothing);
}

int __xpg_sigpause(int number);
static int do_sigpause(void)
{
    return __xpg_sigpause(SIGCHLD); /* all the program's are let through as it is */
}

static const struct wait_row {
    const char *name;
    int (*wait)(void);
} rows[] = {
    {"poll", do_poll},           {"ppoll", do_ppoll},   {"select", do_select},
    {"epoll_wait", wait_epoll},  {"pause", do_pause},   {"sigsuspend", do_suspend},
    {"nanosleep", do_nanosleep}, {"sleep", wait_sleep}, {"clock_nanosleep", wait_clock},
    {"sigpause", do_sigpause},
};

/* In the child. */
static void await_wait(pid_t pid)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/syscall", pid);
    do {
        FILE *file = fopen(path, "r");
        line[0] = '\0';
        if (file && !fgets(line, sizeof line, file))
            line[0] = '\0';
        if (file)
            fclose(file);
    } while (line[0] < '0' || line[0] > '9');
}

static void send_both(pid_t pid, int number, unsigned *seed)
{
    bool ours_first = rand_r(seed) & 1, spread = rand_r(seed) & 1;
    kill(pid, ours_first ? SIGUSR1 : number);
    volatile unsigned spins = spread ? (unsigned)rand_r(seed) % SPIN_MAX : 0;
    while (spins)
        spins--;
    kill(pid, ours_first ? number : SIGUSR1);
}

static void sender(pid_t pid, int number, int rounds)
{
    unsigned seed = 1;
    for (int round = 1; round <= rounds; round++) {
        while (shared->begun != round)
            usleep(10);
        await_wait(pid);
        send_both(pid, number, &seed);
        for (int ms = 0; shared->done != round; ms++) {
            usleep(1000);
            if (ms < PATIENCE_S * 1000)
                continue;
            printf("swallowed in round %d\n", round);
            fflush(stdout);
            kill(pid, SIGKILL);
            _exit(1);
        }
    }
    _exit(0);
}

static void receive(const struct wait_row *row, int rounds)
{
    int spurious = 0;
    for (int round = 1; round <= rounds; round++) {
        int before = shared->handled;
        shared->begun = round;
        while (shared->handled == before)
            if (row->wait() >= 0 || errno != EINTR || shared->handled == before)
                spurious++;
        shared->done = round;
    }
    sigset_t blocked;
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    printf("handled %d spurious %d mask %s\n", shared->handled, spurious,
           sigisemptyset(&blocked) ? "empty" : "changed");
}

int main(int argc, char **argv)
{
    const struct wait_row *row = NULL;
    for (size_t i = 0; argc == 5 && i < sizeof rows / sizeof *rows; i++)
        if (strcmp(argv[1], rows[i].name) == 0)
            row = &rows[i];
    if (!row)
        return 1;
    int number = atoi(argv[2]), rounds = atoi(argv[4]);
    struct sigaction action = {.sa_handler = on_signal};
    if (strchr(argv[3], 'r'))
        action.sa_flags = SA_RESTART;
    if (strchr(argv[3], 'f'))
        sigfillset(&action.sa_mask);
    sigaction(number, &action, NULL);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    epoll_set = epoll_create1(EPOLL_CLOEXEC);
    sigemptyset(&nothing);
    pid_t pid = getpid(), child = fork();
    if (child == 0)
        sender(pid, number, rounds);
    receive(row, rounds);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
    close(epoll_set);
    return 0;
}
