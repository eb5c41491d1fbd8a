/* SPDX-License-Identifier: MIT */
/*
 * Descriptors as such: closing them, one or many, and making more of them from
 * one (dup, fcntl) or from nothing (pipe).
 *
 * The tracker keeps no descriptor of its own, so nothing here has to be kept
 * from the program's hands (hazards.md B5, B6).
 */
#include <fcntl.h>
#include <mqueue.h>
#include <stdarg.h>
#include <sys/single_threaded.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/ground/sys.h"
#include "preload/hooks/family.h"

/* Names that libc exports but declares nowhere, or only to itself. */
int __close(int fd);
int __dup2(int from, int to);
int __pipe(int ends[2]);
int __fcntl(int fd, int command, ...);

/* ---- closing ---- */

RELEASES(fd, int, close, (int fd), (fd), fd)
RELEASES(fd, int, __close, (int fd), (fd), fd)
RELEASES(fd, int, mq_close, (mqd_t queue), (queue), queue)

/* Whether the kernel has the call and no filter forbids it: what it closes is
 * taken out before, and could not be put back one by one. From a table of its own
 * (CLOSE_RANGE_UNSHARE) one thread of several takes nothing that the others have. */
bool close_range_works(int flags)
{
    if (flags & ~(int)CLOSE_RANGE_UNSHARE || (flags && !__libc_single_threaded))
        return false;
    return sys_call(SYS_close_range, ~0U, ~0U, 0, 0, 0, 0) == 0;
}

HOOK(close_range);
HOOK_EXPORT int close_range(unsigned first, unsigned last, int flags)
{
    if (guard_may_record(GUARD_FRAME()) && first <= last && close_range_works(flags)) {
        struct call_site site = CALL_SITE();
        fds_releasing(&hook_close_range, &site, first, last);
    }
    return REAL(close_range)(first, last, flags);
}

HOOK(closefrom);
HOOK_EXPORT void closefrom(int first)
{
    if (guard_may_record(GUARD_FRAME())) {
        struct call_site site = CALL_SITE();
        fds_releasing(&hook_closefrom, &site, first < 0 ? 0 : (unsigned)first, ~0U);
    }
    REAL(closefrom)(first);
}

/* ---- duplicates ---- */

/* The target of dup2 is closed by it, unless it is the source (E4). */
#define DUPLICATES_ONTO(function, params, args)                                                    \
    HOOK(function);                                                                                \
    HOOK_EXPORT int function params                                                                \
    {                                                                                              \
        if (from == to || !guard_may_record(GUARD_FRAME()))                                        \
            return REAL(function) args;                                                            \
        struct call_site site = CALL_SITE();                                                       \
        struct fd_release release;                                                                 \
        fd_replacing(&release, &hook_##function, &site, to);                                       \
        int result = REAL(function) args;                                                          \
        fd_replaced(&release, from, result);                                                       \
        return result;                                                                             \
    }

DUPLICATES_ONTO(dup2, (int from, int to), (from, to))
DUPLICATES_ONTO(__dup2, (int from, int to), (from, to))
DUPLICATES_ONTO(dup3, (int from, int to, int flags), (from, to, flags))

HOOK(dup);
HOOK_EXPORT int dup(int from)
{
    int fd = REAL(dup)(from);
    if (guard_may_record(GUARD_FRAME())) {
        struct call_site site = CALL_SITE();
        duplicate_acquired(&hook_dup, &site, from, fd);
    }
    return fd;
}

/* One argument of a word's size is passed on whatever the command is: it fits
 * every command there is, and none reads it that takes none (A20). */
#define CONTROLS(function)                                                                         \
    HOOK(function);                                                                                \
    HOOK_EXPORT int function(int fd, int command, ...)                                             \
    {                                                                                              \
        va_list more;                                                                              \
        va_start(more, command);                                                                   \
        void *argument = va_arg(more, void *);                                                     \
        va_end(more);                                                                              \
        int result; /* F_SETLKW waits */                                                           \
        BLOCKS(result = REAL(function)(fd, command, argument));                                    \
        if ((command == F_DUPFD || command == F_DUPFD_CLOEXEC) &&                                  \
            guard_may_record(GUARD_FRAME())) {                                                     \
            struct call_site site = CALL_SITE();                                                   \
            duplicate_acquired(&hook_##function, &site, fd, result);                               \
        }                                                                                          \
        return result;                                                                             \
    }

CONTROLS(fcntl)
CONTROLS(fcntl64)
CONTROLS(__fcntl)

/* ---- pipes ---- */

#define MAKES_PIPE(function, params, args)                                                         \
    HOOK(function);                                                                                \
    HOOK_EXPORT int function params                                                                \
    {                                                                                              \
        int result = REAL(function) args;                                                          \
        if (guard_may_record(GUARD_FRAME())) {                                                     \
            struct call_site site = CALL_SITE();                                                   \
            descriptors_acquired(&hook_##function, &site, result, ends, CTT_KIND_PIPE,             \
                                 DETAIL_PIPE_READ, DETAIL_PIPE_WRITE);                             \
        }                                                                                          \
        return result;                                                                             \
    }

MAKES_PIPE(pipe, (int ends[2]), (ends))
MAKES_PIPE(__pipe, (int ends[2]), (ends))
MAKES_PIPE(pipe2, (int ends[2], int flags), (ends, flags))
