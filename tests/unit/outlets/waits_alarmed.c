// SPDX-License-Identifier: MIT
/* Waits that end by a signal of the program's only, which a timer sends. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifdef BY_NUMBER
#include "by_number.h"
#endif
#include "waits.h"

#define MESSAGE_BYTES 1024
#define ALARM         SIGRTMIN
int __sigpause(int number_or_mask, int is_number);
int __xpg_sigpause(int number);
int sigpause_bsd(int mask) __asm__("sigpause");

static int queue, taken;
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
    bool due = result < 0 && error == EINTR && alarmed;
    errno = due ? 0 : error;
    return due ? 0 : result;
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
    return semop(taken, &down, 1);
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

struct wait_case alarmed_waits[] = {
    {"msgrcv", do_msgrcv, WAIT_NS, 0},
    {"msgsnd", do_msgsnd, WAIT_NS, 0},
    {"semop", do_semop, WAIT_NS, 0},
    {"sigpause", do_sigpause, WAIT_NS, 0},
    {"__xpg_sigpause", do_xpg_sigpause, WAIT_NS, 0},
    {"__sigpause, a number", do_sigpause_number, WAIT_NS, 0},
    {"__sigpause, a mask", do_sigpause_mask, WAIT_NS, 0},
    {0},
};

void alarmed_waits_begin(void)
{
    signal(ALARM, on_alarm);
    queue = msgget(IPC_PRIVATE, 0600);
    taken = semget(IPC_PRIVATE, 1, 0600);
}

void alarmed_waits_end(void)
{
    semctl(taken, 0, IPC_RMID);
    msgctl(queue, IPC_RMID, NULL);
}
