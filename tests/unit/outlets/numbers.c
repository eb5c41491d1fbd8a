// SPDX-License-Identifier: MIT
/*
 * What syscall() answers to calls that fail, or that end at once: prints result,
 * errno, and the time that is left where Linux tells that. With and without us
 * it must be the same, and no wrong pointer may be a fault.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define NOWHERE ((void *)8)
#define ALIVE   4711 /* errno where a call leaves it alone */

#define TELL(call)                                                                                 \
    do {                                                                                           \
        errno = ALIVE;                                                                             \
        long result = call;                                                                        \
        printf("%s: %ld %d\n", #call, result, errno);                                              \
    } while (0)

static int ends[2], pipe_ends[2];

static void transfers_fail(void)
{
    struct iovec wrong = {NOWHERE, 8};
    struct msghdr message = {.msg_iov = &wrong, .msg_iovlen = 1};
    struct mmsghdr messages = {.msg_hdr = message};
    TELL(syscall(SYS_read, -1, NOWHERE, 8L));
    TELL(syscall(SYS_read, pipe_ends[0], NOWHERE, 8L));
    TELL(syscall(SYS_pread64, pipe_ends[0], NOWHERE, 8L, 0L));
    TELL(syscall(SYS_readv, pipe_ends[0], NOWHERE, 3L));
    TELL(syscall(SYS_readv, pipe_ends[0], NOWHERE, -1L));
    TELL(syscall(SYS_preadv2, pipe_ends[0], &wrong, 1L, -1L, 0L, 0x10000));
    TELL(syscall(SYS_write, pipe_ends[1], NOWHERE, 8L));
    TELL(syscall(SYS_write, pipe_ends[1], NOWHERE, 0L));
    TELL(syscall(SYS_pwritev, pipe_ends[1], &wrong, 1L, 0L, 0L));
    TELL(syscall(SYS_sendmsg, ends[0], NOWHERE, 0L));
    TELL(syscall(SYS_sendmsg, ends[0], &message, 0L));
    TELL(syscall(SYS_sendmmsg, ends[0], &messages, 1L, 0L));
    TELL(syscall(SYS_recvmsg, ends[0], NOWHERE, MSG_WAITALL | MSG_DONTWAIT));
    TELL(syscall(SYS_recvmmsg, ends[0], &messages, 1L, MSG_DONTWAIT, NOWHERE));
    TELL(syscall(SYS_recvfrom, ends[0], NOWHERE, 8L, MSG_DONTWAIT, NULL, NULL));
    TELL(syscall(SYS_sendfile, ends[0], -1, NULL, 8L));
    TELL(syscall(SYS_splice, ends[0], NULL, ends[1], NULL, 8L, 0L));
    TELL(syscall(SYS_accept, ends[0], NULL, NULL));
    TELL(syscall(SYS_connect, -1, NOWHERE, 8L));
    TELL(syscall(SYS_getrandom, NOWHERE, 8L, 0L));
}

static void waits_fail(void)
{
    static unsigned word;
    TELL(syscall(SYS_poll, NOWHERE, 1L, 0L));
    TELL(syscall(SYS_ppoll, NULL, 0L, NOWHERE, NULL, 8L));
    TELL(syscall(SYS_ppoll, NULL, 0L, NULL, NOWHERE, 8L));
    TELL(syscall(SYS_select, 0L, NULL, NULL, NULL, NOWHERE));
    TELL(syscall(SYS_pselect6, 0L, NULL, NULL, NULL, NULL, NOWHERE));
    TELL(syscall(SYS_epoll_wait, -1, NOWHERE, 1L, -1));
    TELL(syscall(SYS_epoll_pwait2, -1, NOWHERE, 1L, NOWHERE, NULL, 8L));
    TELL(syscall(SYS_rt_sigsuspend, NOWHERE, 8L));
    TELL(syscall(SYS_rt_sigsuspend, NOWHERE, 7L));
    TELL(syscall(SYS_nanosleep, NOWHERE, NULL));
    TELL(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0L, NOWHERE, NOWHERE));
    TELL(syscall(SYS_clock_nanosleep, 4711, 0L, NOWHERE, NULL));
    TELL(syscall(SYS_rt_sigtimedwait, NOWHERE, NULL, NULL, 8L));
    TELL(syscall(SYS_semop, -1, NOWHERE, 1L));
    TELL(syscall(SYS_semtimedop, -1, NOWHERE, 1L, NOWHERE));
    TELL(syscall(SYS_msgrcv, -1, NOWHERE, 8L, 0L, 0L));
    TELL(syscall(SYS_futex, &word, FUTEX_WAIT, 1L, NOWHERE, NULL, 0L));
    TELL(syscall(SYS_futex, &word, FUTEX_WAIT, 1L, NULL, NULL, 0L));
    TELL(syscall(SYS_futex, &word, FUTEX_WAKE, 1L, NOWHERE, NULL, 0L));
    TELL(syscall(SYS_futex, NOWHERE, FUTEX_WAIT, 0L, NULL, NULL, 0L));
}

static void acquisitions_fail(void)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    char bytes[8];
    struct iovec content = {bytes, sizeof(bytes)};
    struct msghdr message = {.msg_iov = &content, .msg_iovlen = 1, .msg_control = &control};
    TELL(syscall(SYS_bpf, 0L, NOWHERE, 8L));
    TELL(syscall(SYS_bpf, -1L, NULL, 0L));
    TELL(syscall(SYS_landlock_create_ruleset, NOWHERE, 8L, 0L));
    TELL(syscall(SYS_landlock_create_ruleset, NOWHERE, 8L, -1L));
    TELL(syscall(SYS_fsopen, NOWHERE, 0L));
    TELL(syscall(SYS_open_tree, -1, NOWHERE, 0L));
    TELL(syscall(SYS_mmap, NOWHERE, 4096L, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1,
                 0L));
    TELL(syscall(SYS_mmap, NULL, 0L, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L));
    TELL(syscall(SYS_mmap, NULL, 4096L, PROT_READ, MAP_PRIVATE, 99999, 0L));
    TELL(syscall(SYS_munmap, NOWHERE, 4096L));
    TELL(syscall(SYS_munmap, NULL, 0L));
    TELL(syscall(SYS_mremap, NOWHERE, 4096L, 4096L, 0L, NOWHERE));
    TELL(syscall(SYS_mremap, NULL, 4096L, 8192L, -1L, NOWHERE));
    TELL(syscall(SYS_mremap, NULL, 4096L, 8192L, 0L, NOWHERE));
    message.msg_controllen = sizeof(control);
    TELL(send(ends[1], bytes, sizeof(bytes), 0));
    TELL(syscall(SYS_recvmsg, ends[0], &message, 0L)); /* nothing was sent with it */
    message.msg_control = NOWHERE;
    message.msg_controllen = sizeof(control);
    TELL(send(ends[1], bytes, sizeof(bytes), 0));
    TELL(syscall(SYS_recvmsg, ends[0], &message, 0L));
    printf("control: %d\n", (int)message.msg_controllen);
}

static void calls_succeed(void)
{
    char bytes[8];
    struct timespec nothing = {0, 0};
    TELL(syscall(SYS_write, pipe_ends[1], "12345678", 8L));
    TELL(syscall(SYS_read, pipe_ends[0], bytes, 8L));
    TELL(syscall(SYS_poll, NULL, 0L, 0L));
    TELL(syscall(SYS_ppoll, NULL, 0L, &nothing, NULL, 8L));
    TELL(syscall(SYS_nanosleep, &nothing, NULL));
    TELL(syscall(SYS_close, -1));
    TELL(syscall(-1L, 1L, 2L, 3L, 4L, 5L, 6L));
    TELL(syscall(447L + 4096L, 1L, 2L, 3L, 4L, 5L, 6L));
}

static void on_alarm(int number) {}

/* The program's own signal ends what it always ends, whatever SA_RESTART. */
static void own_signal_ends(int flags)
{
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = flags};
    const struct itimerspec often = {{0, 20000000}, {0, 20000000}};
    struct timespec time = {100, 0}, left = {0, 0};
    timer_t timer;
    static unsigned word;
    sigaction(SIGALRM, &action, NULL);
    timer_create(CLOCK_MONOTONIC, NULL, &timer);
    timer_settime(timer, 0, &often, NULL);
    TELL(syscall(SYS_nanosleep, &time, &left));
    printf("left: %d\n", left.tv_sec == 99);
    TELL(syscall(SYS_ppoll, NULL, 0L, &time, NULL, 8L));
    printf("left: %d\n", time.tv_sec == 99);
    TELL(syscall(SYS_poll, NULL, 0L, -1));
    TELL(syscall(SYS_pause));
    TELL(syscall(SYS_futex, &word, FUTEX_WAIT, 0L, &left, NULL, 0L));
    timer_delete(timer);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 || pipe2(pipe_ends, O_NONBLOCK) < 0)
        return 1;
    transfers_fail();
    waits_fail();
    acquisitions_fail();
    calls_succeed();
    own_signal_ends(0);
    own_signal_ends(SA_RESTART);
    return 0;
}
