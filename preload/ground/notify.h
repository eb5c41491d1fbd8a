/* SPDX-License-Identifier: MIT */
/*
 * What hooks tell the outlets, without knowing them: function pointers that
 * main.c sets at the start. Each is NULL before that, and calling through
 * these helpers is then a no-op.
 */
#ifndef GROUND_NOTIFY_H
#define GROUND_NOTIFY_H

#include <stdbool.h>

struct notify {
    /* A hook that is not on malloc's path was passed: an occasion to look at what
     * changes slowly. Urgent: something went wrong. NULL unless auto= or
     * state= is set. */
    void (*occasion)(bool is_urgent);
    /* A few dozen blocks were acquired since the last time, or one at a stack that is
     * seldom met. NULL unless somebody waits for a sign of life. */
    void (*allocated)(void);
    /* The process is about to end with this status through a door that runs no
     * exit functions (_exit, _Exit, quick_exit). Reports once; returns. */
    void (*ending)(int status);
    /* exec is about to replace the program by one that has a tracker, too, or has none.
     * If it fails, exec_failed follows. */
    void (*exec)(const char *path, bool is_followed);
    void (*exec_failed)(void);
    /* Something is about to happen that a running reporter must not meet
     * (exec, exit, set*id, unshare, chroot, fork): waits for it, 2 s at most. */
    void (*settle)(void);
    /* A dump is written now, by word of the program; where, until the next one. "": none
     * could be. Waits for it. */
    const char *(*snapshot)(void);
    /* stderr (fd 2) is about to be closed, maybe by an exit function. */
    void (*stderr_closing)(void);
    /* In the child of a fork: files, sequence numbers and the announcement are
     * its own from here on. */
    void (*forked)(void);
    /* The calling thread begins, and ends: alternate signal stacks. */
    void (*thread_started)(void);
    void (*thread_ended)(void);
};
extern struct notify notify;

#define NOTIFY(what, ...)                                                                          \
    do {                                                                                           \
        __typeof__(notify.what) call_ = __atomic_load_n(&notify.what, __ATOMIC_RELAXED);           \
        if (call_)                                                                                 \
            call_(__VA_ARGS__);                                                                    \
    } while (0)

#endif
