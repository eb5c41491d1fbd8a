/* SPDX-License-Identifier: MIT */
/*
 * syscall(): the calls that are looked at. The others do not come here: the stub in
 * syscall_x86_64.S jumps to libc's own, since a clone onto another stack must not
 * return through a frame of ours.
 *
 * What gives or takes a descriptor or a mapping is entered as by libc's name for it:
 * libuv, and so node, closes every descriptor by its number (E4), and what libc has no
 * name for (an io_uring, a program of BPF's) is had in no other way. The rows above those
 * are calls that our own signal would cut short (raw.h). The last ones are only known to
 * block, in a frame of ours that has the caller's registers (hook.h).
 */
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/ground/confine.h"
#include "preload/hooks/family.h"
#include "preload/hooks/raw.h"
#include "preload/hooks/raw_numbers.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449 /* Linux 5.16 */
#endif
#ifndef SYS_futex_wait
#define SYS_futex_wait 455 /* Linux 6.7 */
#endif
#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467 /* Linux 6.15 */
#endif

HOOK(syscall);
_Static_assert(offsetof(struct hook, real) == 8, "HOOK_REAL in the stub");

/* ---- the table ---- */

#define IN  .events = POLLIN
#define OUT .events = POLLOUT
#define DESCRIPTOR(what, sort)                                                                     \
    .gives = GIVES_DESCRIPTOR, .kind = CTT_KIND_##what, .detail = DETAIL_##sort

/* clang-format off */
#define RAW_ROWS(X)                                                                                \
    X(read, raw_transfer, .fd = A, .at = B, .count = C, IN, .whole = WHOLE_DEVICE, .step = 1)      \
    X(pread64, raw_transfer, .fd = A, .at = B, .count = C, .place = D, IN, .whole = WHOLE_DEVICE,  \
      .step = 1)                                                                                   \
    X(readv, raw_vector, .fd = A, .at = B, .count = C, IN)                                         \
    X(preadv, raw_vector, .fd = A, .at = B, .count = C, .place = D, IN)                            \
    X(preadv2, raw_vector, .fd = A, .at = B, .count = C, .place = D, IN)                           \
    X(write, raw_transfer, .fd = A, .at = B, .count = C, OUT, .whole = WHOLE_ALL, .step = 1)       \
    X(pwrite64, raw_transfer, .fd = A, .at = B, .count = C, .place = D, OUT, .whole = WHOLE_ALL,   \
      .step = 1)                                                                                   \
    X(writev, raw_vector, .fd = A, .at = B, .count = C, OUT, .whole = WHOLE_ALL)                   \
    X(pwritev, raw_vector, .fd = A, .at = B, .count = C, .place = D, OUT, .whole = WHOLE_ALL)      \
    X(pwritev2, raw_vector, .fd = A, .at = B, .count = C, .place = D, OUT, .whole = WHOLE_ALL)     \
    X(recvfrom, raw_transfer, .fd = A, .at = B, .count = C, .flags = D, IN,                        \
      .whole = WHOLE_FLAGGED, .step = 1)                                                           \
    X(recvmsg, raw_message, .fd = A, .at = B, .flags = C, IN, .gives = GIVES_MESSAGE)              \
    X(recvmmsg, raw_transfer, .fd = A, .at = B, .count = C, .flags = D, IN,                        \
      .whole = WHOLE_RECEIVED, .step = sizeof(struct mmsghdr), .gives = GIVES_MESSAGES)            \
    X(sendto, raw_transfer, .fd = A, .at = B, .count = C, .flags = D, OUT, .whole = WHOLE_ALL,     \
      .step = 1)                                                                                   \
    X(sendmsg, raw_message, .fd = A, .at = B, .flags = C, OUT, .whole = WHOLE_ALL)                 \
    X(sendmmsg, raw_transfer, .fd = A, .at = B, .count = C, .flags = D, OUT,                       \
      .whole = WHOLE_SENT, .step = sizeof(struct mmsghdr))                                         \
    X(sendfile, raw_transfer, .fd = B, .to = A, .count = D, .whole = WHOLE_ALL)                    \
    X(copy_file_range, raw_transfer, .fd = A, .to = C, .count = E, .whole = WHOLE_ALL)             \
    X(splice, raw_transfer, .fd = A, .to = C, .count = E)                                          \
    X(accept, raw_transfer, .fd = A, IN, DESCRIPTOR(SOCKET, SOCKET))                               \
    X(accept4, raw_transfer, .fd = A, IN, DESCRIPTOR(SOCKET, SOCKET))                              \
    X(connect, raw_transfer, .fd = A, OUT)                                                         \
    X(getrandom, raw_transfer, .at = A, .count = B, IN, .whole = WHOLE_ALL, .step = 1)             \
    X(poll, raw_wait, .limit = C, .unit = UNIT_MS)                                                 \
    X(ppoll, raw_wait, .limit = C, .unit = UNIT_TIMESPEC_LEFT)                                     \
    X(select, raw_wait, .limit = E, .unit = UNIT_TIMEVAL_LEFT)                                     \
    X(pselect6, raw_wait, .limit = E, .unit = UNIT_TIMESPEC_LEFT)                                  \
    X(epoll_wait, raw_wait, .limit = D, .unit = UNIT_MS)                                           \
    X(epoll_pwait, raw_wait, .limit = D, .unit = UNIT_MS)                                          \
    X(epoll_pwait2, raw_wait, .limit = D, .unit = UNIT_TIMESPEC)                                   \
    X(pause, raw_wait)                                                                             \
    X(rt_sigsuspend, raw_wait)                                                                     \
    X(nanosleep, raw_sleep, .limit = A, .unit = UNIT_TIMESPEC)                                     \
    X(clock_nanosleep, raw_sleep, .limit = C, .unit = UNIT_TIMESPEC)                               \
    X(rt_sigtimedwait, raw_again, .limit = C, .unit = UNIT_TIMESPEC)                               \
    X(semop, raw_again)                                                                            \
    X(semtimedop, raw_again, .limit = D, .unit = UNIT_TIMESPEC)                                    \
    X(msgsnd, raw_again)                                                                           \
    X(msgrcv, raw_again)                                                                           \
    X(futex, raw_futex, .limit = D, .unit = UNIT_TIMESPEC)                                         \
    X(open, raw_plain, DESCRIPTOR(FD, FILE))                                                       \
    X(openat, raw_plain, DESCRIPTOR(FD, FILE))                                                     \
    X(openat2, raw_plain, DESCRIPTOR(FD, FILE))                                                    \
    X(creat, raw_plain, DESCRIPTOR(FD, FILE))                                                      \
    X(open_by_handle_at, raw_plain, DESCRIPTOR(FD, FILE))                                          \
    X(memfd_create, raw_plain, DESCRIPTOR(FD, MEMFD))                                              \
    X(memfd_secret, raw_plain, DESCRIPTOR(FD, MEMFD))                                              \
    X(mq_open, raw_plain, DESCRIPTOR(FD, MQ))                                                      \
    X(socket, raw_plain, DESCRIPTOR(SOCKET, SOCKET))                                               \
    X(socketpair, raw_plain, .at = D, .gives = GIVES_PAIR, .kind = CTT_KIND_SOCKET,                \
      .detail = DETAIL_SOCKET)                                                                     \
    X(pipe, raw_plain, .at = A, .gives = GIVES_PAIR, .kind = CTT_KIND_PIPE,                        \
      .detail = DETAIL_PIPE_READ)                                                                  \
    X(pipe2, raw_plain, .at = A, .gives = GIVES_PAIR, .kind = CTT_KIND_PIPE,                       \
      .detail = DETAIL_PIPE_READ)                                                                  \
    X(dup, raw_plain, .gives = GIVES_COPY)                                                         \
    X(fcntl, raw_plain, .gives = GIVES_BY_COMMAND)                                                 \
    X(epoll_create, raw_plain, DESCRIPTOR(EVENT, EPOLL))                                           \
    X(epoll_create1, raw_plain, DESCRIPTOR(EVENT, EPOLL))                                          \
    X(eventfd, raw_plain, DESCRIPTOR(EVENT, EVENTFD))                                              \
    X(eventfd2, raw_plain, DESCRIPTOR(EVENT, EVENTFD))                                             \
    X(timerfd_create, raw_plain, DESCRIPTOR(EVENT, TIMERFD))                                       \
    X(signalfd, raw_plain, .gives = GIVES_UNLESS_GIVEN, .kind = CTT_KIND_EVENT,                    \
      .detail = DETAIL_SIGNALFD)                                                                   \
    X(signalfd4, raw_plain, .gives = GIVES_UNLESS_GIVEN, .kind = CTT_KIND_EVENT,                   \
      .detail = DETAIL_SIGNALFD)                                                                   \
    X(inotify_init, raw_plain, DESCRIPTOR(EVENT, INOTIFY))                                         \
    X(inotify_init1, raw_plain, DESCRIPTOR(EVENT, INOTIFY))                                        \
    X(fanotify_init, raw_plain, DESCRIPTOR(EVENT, FANOTIFY))                                       \
    X(pidfd_open, raw_plain, DESCRIPTOR(EVENT, PIDFD))                                             \
    X(pidfd_getfd, raw_plain, DESCRIPTOR(FD, NONE))                                                \
    X(userfaultfd, raw_plain, DESCRIPTOR(EVENT, NONE))                                             \
    X(perf_event_open, raw_plain, DESCRIPTOR(EVENT, NONE))                                         \
    X(io_uring_setup, raw_plain, DESCRIPTOR(EVENT, IO_URING))                                      \
    X(bpf, raw_plain, .gives = GIVES_BY_BPF, .kind = CTT_KIND_FD, .detail = DETAIL_NONE)           \
    X(landlock_create_ruleset, raw_plain, .gives = GIVES_UNLESS_ASKED, .kind = CTT_KIND_FD,        \
      .detail = DETAIL_NONE)                                                                       \
    X(fsopen, raw_plain, DESCRIPTOR(FD, NONE))                                                     \
    X(fspick, raw_plain, DESCRIPTOR(FD, NONE))                                                     \
    X(fsmount, raw_plain, DESCRIPTOR(FD, NONE))                                                    \
    X(open_tree, raw_plain, DESCRIPTOR(FD, NONE))                                                  \
    X(open_tree_attr, raw_plain, DESCRIPTOR(FD, NONE))                                             \
    X(wait4, raw_plain)                                                                            \
    X(waitid, raw_plain)                                                                           \
    X(flock, raw_plain)                                                                            \
    X(mq_timedreceive, raw_plain)                                                                  \
    X(mq_timedsend, raw_plain)                                                                     \
    X(io_uring_enter, raw_plain)                                                                   \
    X(futex_wait, raw_plain)                                                                       \
    X(futex_waitv, raw_plain)
/* clang-format on */

enum {
    ROW_NONE,
    ROW_OF_ITS_OWN,
#define X(name, ...) ROW_##name,
    RAW_ROWS(X)
#undef X
};

/* By number: what the stub lets come here, and its row. */
extern const uint8_t raw_rows[RAW_NUMBERS];
const uint8_t raw_rows[RAW_NUMBERS] = {[SYS_close] = ROW_OF_ITS_OWN,
                                       [SYS_close_range] = ROW_OF_ITS_OWN,
                                       [SYS_dup2] = ROW_OF_ITS_OWN,
                                       [SYS_dup3] = ROW_OF_ITS_OWN,
                                       [SYS_mmap] = ROW_OF_ITS_OWN,
                                       [SYS_munmap] = ROW_OF_ITS_OWN,
                                       [SYS_mremap] = ROW_OF_ITS_OWN,
                                       [SYS_seccomp] = ROW_OF_ITS_OWN,
#define X(name, ...) [SYS_##name] = ROW_##name,
                                       RAW_ROWS(X)
#undef X
};

static const struct raw_row rows[] = {
#define X(name, ...) [ROW_##name] = {.call = __VA_ARGS__},
    RAW_ROWS(X)
#undef X
};

/* ---- those of their own ---- */

static struct confine_filter *confining(long operation, long filter)
{
    if (guard_is_vforked())
        return NULL;
    NOTIFY(settle);
    if (operation == SECCOMP_SET_MODE_STRICT)
        return confine_strictly();
    return operation == SECCOMP_SET_MODE_FILTER
               ? confine_by_filter((const struct sock_fprog *)filter)
               : NULL;
}

/* The C half of the stub: what is looked at, and whatever comes before the real
 * syscall() has been found. */
long syscall_looked_at(long number, long a, long b, long c, long d, long e, long f);
long syscall_looked_at(long number, long a, long b, long c, long d, long e, long f)
{
    uint8_t row = (unsigned long)number < RAW_NUMBERS ? raw_rows[number] : ROW_NONE;
    const long arguments[] = {a, b, c, d, e, f};
    if (row > ROW_OF_ITS_OWN) {
        long result;
        BLOCKS(result = rows[row].call(&rows[row], number, arguments));
        if (rows[row].gives && guard_may_record(GUARD_FRAME())) {
            struct call_site site = CALL_SITE();
            raw_given(&site, &rows[row], arguments, result);
        }
        return result;
    }
    if (row == ROW_OF_ITS_OWN && number != SYS_seccomp && guard_may_record(GUARD_FRAME())) {
        struct call_site site = CALL_SITE();
        return raw_entered(&site, number, arguments);
    }
    struct confine_filter *filter = number == SYS_seccomp ? confining(a, c) : NULL;
    long result = REAL(syscall)(number, a, b, c, d, e, f);
    if (result < 0)
        confine_failed(filter);
    return result;
}
