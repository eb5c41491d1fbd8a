/* SPDX-License-Identifier: MIT */
/*
 * See live_calls.h.
 */
#include "live_calls.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

enum { PATH_ROOM = 64, LINK_ROOM = 64 };

enum shown { SHOW_NOTHING, SHOW_DESCRIPTOR, SHOW_ADDRESS };

enum rule {
    NEVER,          /* what it comes back with would show */
    RESTARTS,       /* by the kernel, for the time that is left */
    WHEN_PLAIN,     /* by the kernel, if the descriptor is not a socket with a time limit */
    WHEN_NOT_WHOLE, /* the same, and the flags do not ask for all of the bytes */
    WHEN_FUTEX,     /* by the kernel, of the operations that locks are made of */
};

static const struct call_row {
    long number;
    const char *name;
    enum shown shown;
    enum rule rule;
    unsigned argument; /* that the rule looks at */
    bool repeats;      /* it can be begun again after EINTR */
} call_rows[] = {
    {SYS_futex, "futex", SHOW_ADDRESS, WHEN_FUTEX, 1, false},
    {SYS_read, "read", SHOW_DESCRIPTOR, WHEN_PLAIN, 0, true},
    {SYS_readv, "readv", SHOW_DESCRIPTOR, WHEN_PLAIN, 0, true},
    {SYS_recvfrom, "recv", SHOW_DESCRIPTOR, WHEN_NOT_WHOLE, 3, true},
    {SYS_recvmsg, "recvmsg", SHOW_DESCRIPTOR, WHEN_NOT_WHOLE, 2, true},
    {SYS_accept, "accept", SHOW_DESCRIPTOR, WHEN_PLAIN, 0, true},
    {SYS_accept4, "accept4", SHOW_DESCRIPTOR, WHEN_PLAIN, 0, true},
    {SYS_epoll_wait, "epoll_wait", SHOW_DESCRIPTOR, NEVER, 0, true},
    {SYS_epoll_pwait, "epoll_wait", SHOW_DESCRIPTOR, NEVER, 0, true},
    {SYS_epoll_pwait2, "epoll_wait", SHOW_DESCRIPTOR, NEVER, 0, true},
    {SYS_rt_sigtimedwait, "sigwait", SHOW_NOTHING, NEVER, 0, true},
    {SYS_semop, "semop", SHOW_NOTHING, NEVER, 0, true},
    {SYS_semtimedop, "semop", SHOW_NOTHING, NEVER, 0, true},
    {SYS_poll, "poll", SHOW_NOTHING, RESTARTS, 0, false},
    {SYS_ppoll, "poll", SHOW_NOTHING, RESTARTS, 0, false},
    {SYS_select, "select", SHOW_NOTHING, RESTARTS, 0, false},
    {SYS_pselect6, "select", SHOW_NOTHING, RESTARTS, 0, false},
    {SYS_nanosleep, "sleep", SHOW_NOTHING, RESTARTS, 0, false},
    {SYS_clock_nanosleep, "sleep", SHOW_NOTHING, RESTARTS, 0, false},
    {SYS_restart_syscall, "a resumed call", SHOW_NOTHING, RESTARTS, 0, false},
    {SYS_wait4, "wait", SHOW_NOTHING, RESTARTS, 0, false},
    {SYS_waitid, "wait", SHOW_NOTHING, RESTARTS, 0, false},
    {SYS_pause, "pause", SHOW_NOTHING, RESTARTS, 0, false},
    {SYS_rt_sigsuspend, "sigsuspend", SHOW_NOTHING, RESTARTS, 0, false},
    {SYS_msgrcv, "msgrcv", SHOW_NOTHING, RESTARTS, 0, false},
    /* Shown, and left alone: these are read where they stand. */
    {SYS_write, "write", SHOW_DESCRIPTOR, NEVER, 0, false},
    {SYS_writev, "writev", SHOW_DESCRIPTOR, NEVER, 0, false},
    {SYS_pread64, "pread", SHOW_DESCRIPTOR, NEVER, 0, false},
    {SYS_pwrite64, "pwrite", SHOW_DESCRIPTOR, NEVER, 0, false},
    {SYS_sendto, "send", SHOW_DESCRIPTOR, NEVER, 0, false},
    {SYS_sendmsg, "sendmsg", SHOW_DESCRIPTOR, NEVER, 0, false},
    {SYS_connect, "connect", SHOW_DESCRIPTOR, NEVER, 0, false},
    {SYS_flock, "flock", SHOW_DESCRIPTOR, NEVER, 0, false},
    {SYS_fcntl, "fcntl", SHOW_DESCRIPTOR, NEVER, 0, false},
    {SYS_fsync, "fsync", SHOW_DESCRIPTOR, NEVER, 0, false},
    {SYS_vfork, "vfork", SHOW_NOTHING, NEVER, 0, false},
    {SYS_io_uring_enter, "io_uring", SHOW_DESCRIPTOR, NEVER, 0, false},
};

static const struct call_row *row_find(long number)
{
    for (size_t i = 0; i < sizeof(call_rows) / sizeof(call_rows[0]); i++) {
        if (call_rows[i].number == number)
            return &call_rows[i];
    }
    return NULL;
}

/* "202 0x7f.. 0x80 .. sp pc", "-1 sp pc", or "running". */
int live_call_read(struct live_call *ret, pid_t pid, pid_t tid)
{
    uint64_t words[LIVE_CALL_ARGUMENTS + 2] = {0};
    char path[PATH_ROOM];
    char line[256];
    FILE *file;
    long number;
    int count;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", pid, tid);
    file = fopen(path, "re");
    if (!file)
        return errno == ENOENT ? -ESRCH : -errno;
    errno = 0;
    if (!fgets(line, sizeof(line), file)) {
        int error = errno ? -errno : -ESRCH;

        fclose(file);
        return error;
    }
    fclose(file);
    *ret = (struct live_call){.number = LIVE_CALL_RUNNING};
    if (strncmp(line, "running", 7) == 0)
        return 0;
    count = sscanf(line,
                   "%ld %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64
                   " %" SCNx64 " %" SCNx64,
                   &number, &words[0], &words[1], &words[2], &words[3], &words[4], &words[5],
                   &words[6], &words[7]);
    if (count < 3)
        return -EINVAL;
    ret->number = number;
    if (number >= 0)
        memcpy(ret->arguments, words, sizeof(ret->arguments));
    ret->sp = words[number < 0 ? 0 : LIVE_CALL_ARGUMENTS];
    ret->pc = words[number < 0 ? 1 : LIVE_CALL_ARGUMENTS + 1];
    return 0;
}

void live_call_describe(const struct live_call *call, char *ret, size_t room)
{
    const struct call_row *row = row_find(call->number);

    if (call->number == LIVE_CALL_UNKNOWN)
        snprintf(ret, room, "-");
    else if (call->number < 0)
        snprintf(ret, room, "%s", call->number == LIVE_CALL_RUNNING ? "running" : "no call");
    else if (!row)
        snprintf(ret, room, "system call %ld", call->number);
    else if (row->shown == SHOW_DESCRIPTOR)
        snprintf(ret, room, "%s fd %" PRIu64, row->name, call->arguments[0]);
    else if (row->shown == SHOW_ADDRESS)
        snprintf(ret, room, "%s 0x%" PRIx64, row->name, call->arguments[0]);
    else
        snprintf(ret, room, "%s", row->name);
}

/* A socket without time limit, by a copy of the descriptor that is closed at once. */
static bool socket_is_plain(pid_t pid, int descriptor)
{
    struct timeval limit = {.tv_sec = 1};
    socklen_t limit_bytes = sizeof(limit);
    int least = 0;
    socklen_t least_bytes = sizeof(least);
    int process = pidfd_open(pid, 0);
    int copy = process < 0 ? -1 : pidfd_getfd(process, descriptor, 0);
    bool plain = copy >= 0 &&
                 getsockopt(copy, SOL_SOCKET, SO_RCVTIMEO, &limit, &limit_bytes) == 0 &&
                 getsockopt(copy, SOL_SOCKET, SO_RCVLOWAT, &least, &least_bytes) == 0 &&
                 !limit.tv_sec && !limit.tv_usec && least <= 1;

    if (copy >= 0)
        close(copy);
    if (process >= 0)
        close(process);
    return plain;
}

/* Pipes, terminals, eventfds and the like; of devices and file systems nothing is known. */
static bool descriptor_is_plain(pid_t pid, uint64_t descriptor)
{
    static const char *const plain[] = {"pipe:", "anon_inode:", "/dev/pts/", "/dev/tty"};
    char path[PATH_ROOM];
    char target[LINK_ROOM];
    ssize_t length;

    snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, (int)descriptor);
    length = readlink(path, target, sizeof(target) - 1);
    target[length < 0 ? 0 : length] = 0;
    if (strncmp(target, "socket:", 7) == 0)
        return socket_is_plain(pid, (int)descriptor);
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        if (strncmp(target, plain[i], strlen(plain[i])) == 0)
            return true;
    }
    return false;
}

static bool futex_restarts(uint64_t operation)
{
    uint64_t plain = operation & (uint64_t)FUTEX_CMD_MASK;

    return plain == FUTEX_WAIT || plain == FUTEX_WAIT_BITSET || plain == FUTEX_LOCK_PI;
}

bool live_call_may_stop(const struct live_call *call, pid_t pid)
{
    const struct call_row *row = row_find(call->number);
    uint64_t argument;

    if (!row)
        return call->number == LIVE_CALL_RUNNING;
    argument = call->arguments[row->argument];
    switch (row->rule) {
    case RESTARTS:
        return true;
    case WHEN_PLAIN:
        return descriptor_is_plain(pid, call->arguments[0]);
    case WHEN_NOT_WHOLE:
        return !(argument & MSG_WAITALL) && descriptor_is_plain(pid, call->arguments[0]);
    case WHEN_FUTEX:
        return futex_restarts(argument);
    default:
        return false;
    }
}

bool live_call_may_repeat(long number)
{
    const struct call_row *row = row_find(number);

    return row && row->repeats;
}
