// SPDX-License-Identifier: MIT
/*
 * Makes a program do by syscall() what it does by libc's functions: the same
 * cases once more, by number. With the conventions of libc's functions.
 */
#ifndef TESTS_OUTLETS_BY_NUMBER_H
#define TESTS_OUTLETS_BY_NUMBER_H

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MASK_BYTES 8 /* of a mask, to the kernel */

struct mask_and_size {
    const sigset_t *mask;
    size_t bytes;
};

#define read(fd, b, n)              syscall(SYS_read, fd, b, n)
#define readv(fd, v, n)             syscall(SYS_readv, fd, v, n)
#define pread(fd, b, n, o)          syscall(SYS_pread64, fd, b, n, (long)(o))
#define preadv(fd, v, n, o)         syscall(SYS_preadv, fd, v, n, (long)(o), 0L)
#define preadv2(fd, v, n, o, f)     syscall(SYS_preadv2, fd, v, n, (long)(o), 0L, f)
#define write(fd, b, n)             syscall(SYS_write, fd, b, n)
#define writev(fd, v, n)            syscall(SYS_writev, fd, v, n)
#define pwrite(fd, b, n, o)         syscall(SYS_pwrite64, fd, b, n, (long)(o))
#define pwritev(fd, v, n, o)        syscall(SYS_pwritev, fd, v, n, (long)(o), 0L)
#define pwritev2(fd, v, n, o, f)    syscall(SYS_pwritev2, fd, v, n, (long)(o), 0L, f)
#define recv(fd, b, n, f)           syscall(SYS_recvfrom, fd, b, n, f, NULL, NULL)
#define recvfrom(fd, b, n, f, a, l) syscall(SYS_recvfrom, fd, b, n, f, a, l)
#define recvmsg(fd, m, f)           syscall(SYS_recvmsg, fd, m, f)
#define recvmmsg(fd, m, n, f, t)    syscall(SYS_recvmmsg, fd, m, n, f, t)
#define send(fd, b, n, f)           syscall(SYS_sendto, fd, b, n, f, NULL, 0L)
#define sendto(fd, b, n, f, a, l)   syscall(SYS_sendto, fd, b, n, f, a, (long)(l))
#define sendmsg(fd, m, f)           syscall(SYS_sendmsg, fd, m, f)
#define sendmmsg(fd, m, n, f)       syscall(SYS_sendmmsg, fd, m, n, f)
#define accept(fd, a, l)            syscall(SYS_accept, fd, a, l)
#define sendfile(to, from, o, n)    syscall(SYS_sendfile, to, from, o, (size_t)(n))
#define splice(i, io, o, oo, n, f)  syscall(SYS_splice, i, io, o, oo, (size_t)(n), f)
#define copy_file_range(i, io, o, oo, n, f)                                                        \
    syscall(SYS_copy_file_range, i, io, o, oo, (size_t)(n), f)
#define getrandom(b, n, f) syscall(SYS_getrandom, b, (size_t)(n), f)

#define poll(fds, n, ms)              syscall(SYS_poll, fds, (long)(n), ms)
#define ppoll(fds, n, t, m)           syscall(SYS_ppoll, fds, (long)(n), t, m, MASK_BYTES)
#define select(n, r, w, e, t)         syscall(SYS_select, n, r, w, e, t)
#define epoll_wait(set, e, n, ms)     syscall(SYS_epoll_wait, set, e, n, ms)
#define epoll_pwait(set, e, n, ms, m) syscall(SYS_epoll_pwait, set, e, n, ms, m, (long)MASK_BYTES)
#define epoll_pwait2(set, e, n, t, m) syscall(SYS_epoll_pwait2, set, e, n, t, m, (long)MASK_BYTES)
#define pselect(n, r, w, e, t, m)                                                                  \
    syscall(SYS_pselect6, n, r, w, e, t, &(struct mask_and_size){m, MASK_BYTES})
#define pause()                syscall(SYS_pause)
#define sigsuspend(m)          syscall(SYS_rt_sigsuspend, m, MASK_BYTES)
#define nanosleep(...)         syscall(SYS_nanosleep, __VA_ARGS__)
#define sigtimedwait(s, i, t)  syscall(SYS_rt_sigtimedwait, s, i, t, MASK_BYTES)
#define semop(s, o, n)         syscall(SYS_semop, s, o, (size_t)(n))
#define semtimedop(s, o, n, t) syscall(SYS_semtimedop, s, o, (size_t)(n), t)
#define msgsnd(q, m, n, f)     syscall(SYS_msgsnd, q, m, (size_t)(n), f)
#define msgrcv(q, m, n, t, f)  syscall(SYS_msgrcv, q, m, (size_t)(n), (long)(t), f)
#define clock_nanosleep(clock, f, t, left)                                                         \
    (syscall(SYS_clock_nanosleep, clock, f, t, left) < 0 ? errno : 0)

#endif
