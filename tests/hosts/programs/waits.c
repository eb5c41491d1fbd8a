/* SPDX-License-Identifier: MIT */
/*
 * Threads that wait in every way that the kernel knows, and count the EINTRs that they see.
 *
 *   waits [EXTRA]   with EXTRA more threads that all wait for one condition
 *
 * Prints "ready" when all stand where they are to stand. At the end of its input it prints
 * what was seen ("eintr 0 late 0 short 0") and ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define AWAY     __attribute__((noinline, noclone))
#define TICK_MS  200
#define LATE_MS  2000 /* over its time: begun anew by each of several looks */
#define DEPTH    300
#define PIPE_ALL (1 << 20)

static atomic_int interrupted, late, shortened, ready, stop;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void seen(long result, double begun, double ms)
{
    if (result < 0 && errno == EINTR)
        atomic_fetch_add(&interrupted, 1);
    if (ms > 0 && now_ms() - begun > ms + LATE_MS)
        atomic_fetch_add(&late, 1);
}

/* With DYNAMIC_FRAMES rbp alone tells where the frame is, and nothing of how much of the stack
 * it takes: such a thread has to be stopped, where that may be. */
#ifdef DYNAMIC_FRAMES
static volatile size_t some = 100;
#define FRAME() ((volatile char *)__builtin_alloca(some))[0] = 1
#else
#define FRAME() (void)0
#endif

#define TICKS(name, call)                                                                          \
    AWAY static void wait_##name(void)                                                             \
    {                                                                                              \
        FRAME();                                                                                   \
        while (!stop) {                                                                            \
            double begun = now_ms();                                                               \
            long result = call;                                                                    \
            seen(result, begun, TICK_MS);                                                          \
        }                                                                                          \
    }

#define FOREVER(name, call)                                                                        \
    AWAY static void wait_##name(void)                                                             \
    {                                                                                              \
        FRAME();                                                                                   \
        while (!stop)                                                                              \
            seen(call, 0, 0);                                                                      \
    }

static int nothing[2], epoll_nothing, semaphores, timed_socket[2], plain_socket[2];
static sem_t semaphore;
static char bytes[8];
static struct epoll_event event;
static struct timespec tick = {0, TICK_MS * 1000000};

static long wait_for_signal(const struct timespec *limit)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return limit ? sigtimedwait(&set, NULL, limit) : sigwaitinfo(&set, NULL);
}

static long wait_for_semaphore(const struct timespec *limit)
{
    struct sembuf take = {0, -1, 0};
    return semtimedop(semaphores, &take, 1, limit);
}

static long wait_until(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += TICK_MS * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    return sem_timedwait(&semaphore, &until);
}

TICKS(poll_tick, poll(NULL, 0, TICK_MS))
TICKS(epoll_tick, epoll_wait(epoll_nothing, &event, 1, TICK_MS))
TICKS(nanosleep_tick, nanosleep(&tick, NULL))
TICKS(select_tick, select(0, NULL, NULL, NULL, &(struct timeval){0, TICK_MS * 1000}))
TICKS(sigtimedwait_tick, wait_for_signal(&tick))
TICKS(semop_tick, wait_for_semaphore(&tick))
TICKS(sem_tick, wait_until())
TICKS(recv_tick, recv(timed_socket[0], bytes, 1, 0))

FOREVER(read, read(nothing[0], bytes, 1))
FOREVER(poll, poll(&(struct pollfd){nothing[0], POLLIN, 0}, 1, -1))
FOREVER(epoll, epoll_wait(epoll_nothing, &event, 1, -1))
FOREVER(epoll_long, epoll_wait(epoll_nothing, &event, 1, 3600 * 1000))
FOREVER(nanosleep, nanosleep(&(struct timespec){3600, 0}, NULL))
FOREVER(recv, recv(plain_socket[0], bytes, 1, 0))
FOREVER(sigwait, wait_for_signal(NULL))
FOREVER(semop, wait_for_semaphore(NULL))

AWAY static void wait_cond(void)
{
    pthread_mutex_lock(&lock);
    pthread_cond_wait(&never, &lock);
    pthread_mutex_unlock(&lock);
}

AWAY static void spin_hard(void)
{
    static volatile unsigned long turns;
    while (!stop)
        turns++;
}

AWAY static int recurse(int depth)
{
    volatile int below = depth;
    if (depth)
        below += recurse(depth - 1);
    else
        wait_poll();
    return below;
}

AWAY static void wait_deep(void)
{
    recurse(DEPTH);
}

/* A writer that writes more than a pipe holds, to a reader that takes its time: a write that
 * is stopped comes back with a part. */
static int slow[2];
static char *many;

AWAY static void write_much(void)
{
    while (!stop) {
        long written = write(slow[1], many, PIPE_ALL);
        seen(written, 0, 0);
        if (written >= 0 && written < PIPE_ALL && !stop)
            atomic_fetch_add(&shortened, 1);
    }
}

AWAY static void read_slowly(void)
{
    char *room = malloc(PIPE_ALL);
    while (!stop) {
        seen(poll(NULL, 0, 1), 0, 0);
        seen(read(slow[0], room, 16384), 0, 0);
    }
    free(room);
}

static void (*const doings[])(void) = {
    wait_poll_tick,  wait_epoll_tick, wait_nanosleep_tick, wait_select_tick, wait_sigtimedwait_tick,
    wait_semop_tick, wait_sem_tick,   wait_recv_tick,      wait_read,        wait_poll,
    wait_epoll,      wait_epoll_long, wait_nanosleep,      wait_recv,        wait_sigwait,
    wait_semop,      wait_cond,       spin_hard,           wait_deep,        write_much,
    read_slowly,
};

static void *thread_main(void *doing)
{
    atomic_fetch_add(&ready, 1);
    (*(void (*const *)(void))doing)();
    return NULL;
}

static void start(void (*const *doing)(void))
{
    pthread_attr_t small;
    pthread_t thread;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 128 * 1024);
    if (pthread_create(&thread, &small, thread_main, (void *)doing) != 0)
        abort();
    pthread_detach(thread);
    pthread_attr_destroy(&small);
}

static void prepare(void)
{
    struct timeval limit = {0, TICK_MS * 1000};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    epoll_nothing = epoll_create1(0);
    semaphores = semget(IPC_PRIVATE, 1, 0600);
    many = calloc(1, PIPE_ALL);
    if (pipe(nothing) || pipe(slow) || socketpair(AF_UNIX, SOCK_STREAM, 0, timed_socket) ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, plain_socket) || sem_init(&semaphore, 0, 0))
        abort();
    setsockopt(timed_socket[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

int main(int argc, char **argv)
{
    static void (*const extra)(void) = wait_cond;
    int count = (int)(sizeof doings / sizeof *doings), more = argc > 1 ? atoi(argv[1]) : 0;
    char line[64];

    prepare();
    for (int i = 0; i < count; i++)
        start(&doings[i]);
    for (int i = 0; i < more; i++)
        start(&extra);
    while (ready < count + more)
        poll(NULL, 0, 1);
    poll(NULL, 0, 20);
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin))
        ;
    stop = 1;
    semctl(semaphores, 0, IPC_RMID);
    printf("eintr %d late %d short %d\n", interrupted, late, shortened);
    fflush(stdout);
    _exit(0);
}
