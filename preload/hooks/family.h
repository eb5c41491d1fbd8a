/* SPDX-License-Identifier: MIT */
/*
 * What the hooks' shapes call: for each family of resources, how an acquisition
 * is entered, a release taken out, a use noted. Plain functions over the books,
 * in family.c (descriptors), family_close.c (what a close gives back, and which
 * closes are mishaps), family_handle.c (streams, directories) and
 * family_child.c (processes).
 *
 * Every one keeps errno: the books make raw system calls only, and what calls
 * libc here saves it.
 */
#ifndef HOOKS_FAMILY_H
#define HOOKS_FAMILY_H

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "preload/books/fdtable.h"
#include "preload/books/keytable.h"
#include "preload/books/ledger.h"
#include "preload/books/mishap.h"
#include "preload/facts/stack.h"
#include "preload/facts/task.h"
#include "preload/ground/hook.h"
#include "preload/ground/notify.h"

/* The acquisition stack of a hook's caller, with the real function innermost. */
uint32_t family_stack(struct hook *hook, const struct call_site *site);
/* Counts one acquisition at `stack`: the sibling statistics of a report. */
void family_tally(uint32_t stack, enum ctt_kind_id kind);
/* Given back for good, at `stack`: where, how late, and before what depends on it (D8). */
void family_given_back(const struct holding_copy *was, uint32_t stack);

/* ---- descriptors ---- */

/* fd < 0: the call failed. */
void descriptor_acquired(struct hook *hook, const struct call_site *site, int fd,
                         enum ctt_kind_id kind, enum holding_detail detail);
/* Two at once, by one call (pipe, socketpair): one stack. */
void descriptors_acquired(struct hook *hook, const struct call_site *site, int result,
                          const int fds[2], enum ctt_kind_id kind, enum holding_detail first,
                          enum holding_detail second);
/* `fd` was made from `from`: of the same kind, as far as that is known. */
void duplicate_acquired(struct hook *hook, const struct call_site *site, int from, int fd);
/* The table's part of it, with a stack already captured. */
void descriptor_enter(int fd, enum ctt_kind_id kind, enum holding_detail detail, uint32_t stack);
/* The same for a copy of `from`: of its kind, as far as that is known. */
void duplicate_enter(int fd, int from, uint32_t stack);
/* More than any process can have at once: asked for to see it refused. */
#define BYTES_IMPOSSIBLE (UINT64_C(1) << 46)
/* D20, when `error` says that a limit was hit (EMFILE, ENFILE, EAGAIN, ENOMEM).
 * `wanted`: the bytes that were asked for, or 0. */
void limit_hit(uint32_t stack, enum ctt_kind_id kind, int error, uint64_t wanted);
/* A call that gives a descriptor or a handle gave none: D20, from errno, and kept as what
 * the program may ignore (D9). */
void acquisition_failed(struct hook *hook, const struct call_site *site, enum ctt_kind_id kind);

/* Those that arrived in a message, when there are any (E5): socket.c. */
struct msghdr;
void message_received(struct hook *hook, const struct call_site *site,
                      const struct msghdr *message);
/* Those that went with one: a copy of each is another process's now. */
void message_sent(const struct msghdr *message);

/* A family for ACQUIRES: `FD_FAMILY(epoll, CTT_KIND_EVENT, DETAIL_EPOLL)`. */
#define FD_FAMILY(family, kind, detail)                                                            \
    static inline void family##_acquired(struct hook *hook, const struct call_site *site, int fd)  \
    {                                                                                              \
        descriptor_acquired(hook, site, fd, kind, detail);                                         \
    }

/* A descriptor between "about to be closed" and "closed or not". */
struct fd_release {
    int fd;
    bool had;
    uint32_t stack;
    struct holding_copy was;
    /* The number's last release, when it is not held now. */
    uint32_t earlier_stack, earlier_acquired_stack, earlier_task;
};
void fd_releasing(struct fd_release *release, struct hook *hook, const struct call_site *site,
                  int fd);
/* result as close() gives it. -1 with EBADF: nothing was there (double close,
 * D19); any other error released the descriptor all the same (Linux: E3). */
void fd_released(struct fd_release *release, intptr_t result);
/* What it released, it did not release well (E3). */
void close_failed(const struct holding_copy *was, uint32_t stack, int error);
/* The same for a number that dup2 is about to give to another file, where an
 * empty number is no mishap: entered again as a copy of `from`, or put back. */
void fd_replacing(struct fd_release *release, struct hook *hook, const struct call_site *site,
                  int fd);
void fd_replaced(struct fd_release *release, int from, int result);
/* All of [first, last], by a call that cannot fail. */
void fds_releasing(struct hook *hook, const struct call_site *site, unsigned first, unsigned last);
/* Whether close_range can: fd.c. */
bool close_range_works(int flags);
void fd_used(int fd);
/* The call has found no descriptor there (EBADF): is it one of this thread's own that
 * another has closed (D16)? */
void fd_missed(struct hook *hook, const struct call_site *site, int fd);
/* The call that was made with -1 for a descriptor has failed; `fd` may be any other. */
void fd_missing(struct hook *hook, const struct call_site *site, int fd);
void fd_missing_at(uint32_t stack, int fd);
/* A use has failed, from errno. `events`: POLLIN of a read, POLLOUT of a write of `count`
 * bytes, or 0. */
void fd_use_failed(struct hook *hook, const struct call_site *site, int fd, short events,
                   size_t count);
/* `count` is worked out only where the call has failed. */
#define FD_USED(function, fd, result, events, count)                                               \
    do {                                                                                           \
        if (guard_may_record(GUARD_FRAME())) {                                                     \
            fd_used(fd);                                                                           \
            if (__builtin_expect((result) < 0, 0)) {                                               \
                struct call_site site = CALL_SITE();                                               \
                fd_use_failed(&hook_##function, &site, fd, events,                                 \
                              (events) == POLLOUT ? (size_t)(count) : 0);                          \
            }                                                                                      \
        }                                                                                          \
    } while (0)
/* As WATCHES, of a descriptor whose parameter is called fd; where `judged`, a failure is
 * looked at. */
#define USES(ret, function, params, args, judged)                                                  \
    HOOK(function);                                                                                \
    HOOK_EXPORT ret function params                                                                \
    {                                                                                              \
        ret result;                                                                                \
        BLOCKS(result = REAL(function) args);                                                      \
        FD_USED(function, fd, (judged) ? result : 0, 0, 0);                                        \
        return result;                                                                             \
    }

/* In a fork child: it closes what it inherited, often blindly, and none of
 * that is a mishap of its own. */
void closes_forgive(void);

/* ---- streams and directories: each owns its descriptor (E6, D25) ---- */

/* With the descriptor that the call opened under it; NULL: the call failed. */
void stream_acquired(struct hook *hook, const struct call_site *site, FILE *stream,
                     enum holding_detail detail);
void directory_acquired(struct hook *hook, const struct call_site *site, DIR *directory);
/* fdopen, fdopendir: a descriptor that was there becomes part of the handle. */
void stream_adopted(struct hook *hook, const struct call_site *site, FILE *stream);
void directory_adopted(struct hook *hook, const struct call_site *site, DIR *directory);
/* About to be released. Handle and descriptor are taken out together; the
 * calls that do it (fclose, pclose, closedir) release whatever they return. */
struct handle_release {
    bool had;
    uint32_t stack;
    struct holding_copy was;
};
struct handle_release stream_releasing(struct hook *hook, const struct call_site *site,
                                       FILE *stream);
struct handle_release directory_releasing(struct hook *hook, const struct call_site *site,
                                          DIR *directory);
/* It has been. `result` -1: not as it should have, and errno says why; what was to be
 * written may be lost. Told where somebody asks, and no finding. */
void handle_released(const struct handle_release *release, int result);

/* ---- children ---- */

/* Around the call that makes a child: in between, a pid collected by another
 * thread or by a SIGCHLD handler may be one that is not entered yet. */
void child_coming(void);
/* 0: there is none after all; -errno: there should have been one. */
void child_acquired(struct hook *hook, const struct call_site *site, int pid,
                    enum holding_detail detail);
void child_collected(struct hook *hook, const struct call_site *site, int pid);
/* In a fork child, which has no children yet. */
void children_forget(void);

/* ---- the end: exit.c ---- */

/* Once, at the start, before the program can register a function of its own. */
void exit_watch(void);
/* A way into quick_exit: its status. */
void quick_exit_coming(int status);

/* ---- fork: preload/fork.c ---- */

/* Sees to it that every fork from here on, also one inside libc, prepares the
 * tables and makes the child a process of its own. Twice does no harm. */
void fork_watch(void);
/* For doors into a child that libc's fork handlers do not watch (_Fork, clone):
 * in the parent before, in either process after. */
void fork_prepare(void);
void fork_parent(void);
void fork_child(void);

#endif
