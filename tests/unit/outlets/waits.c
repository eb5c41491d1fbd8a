// SPDX-License-Identifier: MIT
/*
 * Every wait that the kernel does not restart, each in a thread of its own,
 * over and over while the snapshot's signal comes to each thread. hazard: D4
 *
 *     waits SECONDS FIFO
 *
 * Prints the EINTRs that the program saw, the waits that ended early, and the
 * names of both; then "rounds", whether each wait ended at least once.
 */
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#ifdef BY_NUMBER
#include "by_number.h"
#endif

#define WAIT_NS       50000000L
#define WAIT_MS       (int)(WAIT_NS / 1000000)
#define NS_PER_S      1000000000L
#define MESSAGE_BYTES 1024

static int idle_pipe[2], stuffed_pipe[2], epoll_set, semaphore_set, queue, zeros;
static int empty[2], full[2], listener; /* sockets with a time limit of their own */
static struct aiocb idle_read;
static struct gaicb stuck_query;
static sem_t semaphore;
static atomic_bool over;
static atomic_int interrupted, early;

static struct timespec after(clockid_t clock, long ns)
{
    struct timespec t;
    clock_gettime(clock, &t);
    t.tv_nsec += ns;
    t.tv_sec += t.tv_nsec / NS_PER_S;
    t.tv_nsec %= NS_PER_S;
    return t;
}

static const struct timespec wait_time = {0, WAIT_NS};

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
    errno = EINTR;
    return sleep(1) ? -1 : 0;
}

static int do_thrd_sleep(void)
{
    errno = EINTR;
    return thrd_sleep(&wait_time, NULL) == -1 ? -1 : 0;
}

/* These end by ETIMEDOUT or EAGAIN: that is their success. */
static int until_timeout(int result)
{
    return result < 0 && (errno == ETIMEDOUT || errno == EAGAIN) ? 0 : result;
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

static int do_recv(void)
{
    char byte;
    return until_timeout((int)recv(empty[0], &byte, 1, 0));
}

static int do_read(void)
{
    char byte;
    return until_timeout((int)read(empty[0], &byte, 1));
}

static int do_preadv2(void)
{
    char byte;
    struct iovec part = {&byte, 1};
    return until_timeout((int)preadv2(empty[0], &part, 1, -1, 0));
}

static int do_pwritev2(void)
{
    char byte = 0;
    struct iovec part = {&byte, 1};
    return until_timeout((int)pwritev2(full[0], &part, 1, -1, 0));
}

static int do_recvmsg(void)
{
    char byte;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    return until_timeout((int)recvmsg(empty[0], &message, 0));
}

static int do_accept(void)
{
    return until_timeout(accept(listener, NULL, NULL));
}

static int do_send(void)
{
    return until_timeout((int)send(full[0], "", 1, 0));
}

static int do_sendfile(void)
{
    return until_timeout((int)sendfile(full[0], zeros, NULL, 1));
}

static int do_splice_in(void)
{
    return until_timeout((int)splice(empty[0], NULL, idle_pipe[1], NULL, 1, 0));
}

static int do_splice_out(void)
{
    return until_timeout((int)splice(stuffed_pipe[0], NULL, full[0], NULL, 1, 0));
}

static int do_aio_suspend(void)
{
    const struct aiocb *list[] = {&idle_read};
    return until_timeout(aio_suspend(list, 1, &wait_time));
}

/* So many that libc's entries for them take more room than a signal frame. */
static int do_aio_suspend_many(void)
{
    const struct aiocb *list[50] = {&idle_read};
    return until_timeout(aio_suspend(list, sizeof list / sizeof *list, &wait_time));
}

static int do_gai_suspend(void)
{
    const struct gaicb *list[] = {&stuck_query};
    int result = gai_suspend(list, 1, &wait_time);
    errno = EINTR;
    /* The manual says EAI_AGAIN when the time is over, libc EAI_SYSTEM. */
    return result == EAI_AGAIN || result == EAI_SYSTEM ? 0 : result == EAI_INTR ? -1 : 1;
}

/* These end by a signal of the program's only, which a timer sends. */
#define ALARM SIGRTMIN
int __sigpause(int number_or_mask, int is_number);
int __xpg_sigpause(int number);
int sigpause_bsd(int mask) __asm__("sigpause");

static _Thread_local volatile sig_atomic_t alarmed;

static void on_alarm(int number)
{
    alarmed = 1;
}

/* Not once only: an alarm that comes before the wait does not end it. */
static int until_alarm(int (*wait)(void), int how)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = ALARM};
    const struct itimerspec often = {.it_value = wait_time, .it_interval = wait_time};
    timer_t timer;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, ALARM);
    pthread_sigmask(how, &set, NULL);
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    alarmed = 0;
    timer_create(CLOCK_MONOTONIC, &event, &timer);
    timer_settime(timer, 0, &often, NULL);
    int result = wait();
    int error = errno;
    timer_delete(timer);
    errno = error;
    return result < 0 && error == EINTR && alarmed ? 0 : result;
}

static int pause_bsd(void)
{
    return sigpause_bsd(0);
}

static int pause_xpg(void)
{
    return __xpg_sigpause(ALARM);
}

static int pause_by_number(void)
{
    return __sigpause(ALARM, 1);
}

static int pause_by_mask(void)
{
    return __sigpause(0, 0);
}

static int receive_message(void)
{
    struct {
        long type;
        char byte;
    } message;
    return (int)msgrcv(queue, &message, 1, 1, 0);
}

static int send_message(void)
{
    static const struct {
        long type;
        char bytes[MESSAGE_BYTES];
    } message = {2, {0}};
    while (msgsnd(queue, &message, MESSAGE_BYTES, IPC_NOWAIT) == 0)
        ;
    return msgsnd(queue, &message, MESSAGE_BYTES, 0);
}

static int take_semaphore(void)
{
    struct sembuf down = {0, -1, 0};
    return semop(semaphore_set, &down, 1);
}

static int do_msgrcv(void)
{
    return until_alarm(receive_message, SIG_UNBLOCK);
}

static int do_msgsnd(void)
{
    return until_alarm(send_message, SIG_UNBLOCK);
}

static int do_semop(void)
{
    return until_alarm(take_semaphore, SIG_UNBLOCK);
}

static int do_sigpause(void)
{
    return until_alarm(pause_bsd, SIG_BLOCK);
}

static int do_xpg_sigpause(void)
{
    return until_alarm(pause_xpg, SIG_BLOCK);
}

static int do_sigpause_number(void)
{
    return until_alarm(pause_by_number, SIG_BLOCK);
}

static int do_sigpause_mask(void)
{
    return until_alarm(pause_by_mask, SIG_BLOCK);
}

static struct wait_case {
    const char *name;
    int (*wait)(void);
    long ns;
    atomic_int rounds;
} cases[] = {
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
    {"recv", do_recv, WAIT_NS, 0},
    {"read", do_read, WAIT_NS, 0},
    {"preadv2", do_preadv2, WAIT_NS, 0},
    {"pwritev2", do_pwritev2, WAIT_NS, 0},
    {"recvmsg", do_recvmsg, WAIT_NS, 0},
    {"accept", do_accept, WAIT_NS, 0},
    {"send", do_send, WAIT_NS, 0},
    {"sendfile", do_sendfile, WAIT_NS, 0},
    {"splice from a socket", do_splice_in, WAIT_NS, 0},
    {"splice into a socket", do_splice_out, WAIT_NS, 0},
    {"aio_suspend", do_aio_suspend, WAIT_NS, 0},
    {"aio_suspend of many", do_aio_suspend_many, WAIT_NS, 0},
    {"gai_suspend", do_gai_suspend, WAIT_NS, 0},
    {"msgrcv", do_msgrcv, WAIT_NS, 0},
    {"msgsnd", do_msgsnd, WAIT_NS, 0},
    {"semop", do_semop, WAIT_NS, 0},
    {"sigpause", do_sigpause, WAIT_NS, 0},
    {"__xpg_sigpause", do_xpg_sigpause, WAIT_NS, 0},
    {"__sigpause, a number", do_sigpause_number, WAIT_NS, 0},
    {"__sigpause, a mask", do_sigpause_mask, WAIT_NS, 0},
};
#define CASES (sizeof cases / sizeof *cases)

static long elapsed_ns(const struct timespec *since)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - since->tv_sec) * NS_PER_S + now.tv_nsec - since->tv_nsec;
}

static void *wait_often(void *arg)
{
    struct wait_case *self = arg;
    const long tick = 1000000; /* semaphores count in jiffies */
    while (!over) {
        struct timespec begun;
        clock_gettime(CLOCK_MONOTONIC, &begun);
        int result = self->wait();
        if (result < 0 && errno == EINTR) {
            interrupted++;
            printf("EINTR %s\n", self->name);
        } else if (result != 0 || elapsed_ns(&begun) < self->ns - 4 * tick) {
            early++;
            printf("early %s: %d after %ld us\n", self->name, result, elapsed_ns(&begun) / 1000);
        }
        self->rounds++;
    }
    return NULL;
}

static void sockets_make(void)
{
    const struct timeval limit = {0, WAIT_NS / 1000};
    char bytes[4096] = {0};
    socketpair(AF_UNIX, SOCK_STREAM, 0, empty);
    socketpair(AF_UNIX, SOCK_STREAM, 0, full);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(listener, &(struct sockaddr){.sa_family = AF_UNIX}, sizeof(sa_family_t));
    listen(listener, 1);
    setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(empty[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(full[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    while (send(full[0], bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
}

/* A read that nothing comes for, and a look-up that opens a FIFO which nobody
 * writes: neither ends before the process. */
static void requests_make(const char *fifo)
{
    static char byte;
    struct gaicb *list[] = {&stuck_query};
    idle_read =
        (struct aiocb){.aio_fildes = idle_pipe[0], .aio_buf = &byte, .aio_nbytes = sizeof byte};
    aio_read(&idle_read);
    mkfifo(fifo, 0600);
    setenv("HOSTALIASES", fifo, 1);
    stuck_query.ar_name = "nowhere";
    getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
}

int main(int argc, char **argv)
{
    pthread_t threads[CASES];
    sigset_t waited_for;
    sigemptyset(&waited_for);
    sigaddset(&waited_for, SIGUSR2);
    sigprocmask(SIG_BLOCK, &waited_for, NULL);
    signal(ALARM, on_alarm);
    if (argc != 3 || pipe(idle_pipe) < 0 || pipe(stuffed_pipe) < 0 ||
        write(stuffed_pipe[1], "", 1) != 1)
        return 1;
    zeros = open("/dev/zero", O_RDONLY);
    epoll_set = epoll_create1(0);
    sockets_make();
    requests_make(argv[2]);
    sem_init(&semaphore, 0, 0);
    semaphore_set = semget(IPC_PRIVATE, 1, 0600);
    queue = msgget(IPC_PRIVATE, 0600);
    for (size_t i = 0; i < CASES; i++)
        pthread_create(&threads[i], NULL, wait_often, &cases[i]);
    puts("ready");
    fflush(stdout);
    struct timespec begun;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    while (elapsed_ns(&begun) < atoi(argv[1]) * NS_PER_S)
        do_nanosleep();
    over = true;
    int idle = 0;
    for (size_t i = 0; i < CASES; i++) {
        pthread_join(threads[i], NULL);
        idle += cases[i].rounds == 0;
    }
    semctl(semaphore_set, 0, IPC_RMID);
    msgctl(queue, IPC_RMID, NULL);
    close(zeros);
    close(epoll_set);
    for (int end = 0; end < 2; end++) {
        close(idle_pipe[end]);
        close(stuffed_pipe[end]);
        close(empty[end]);
        close(full[end]);
    }
    close(listener);
    printf("interrupted %d early %d idle %d\n", interrupted, early, idle);
    return interrupted || early || idle;
}
