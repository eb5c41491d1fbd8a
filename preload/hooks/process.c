/* SPDX-License-Identifier: MIT */
/*
 * Children: made here, collected in child.c. What a fork does to the tables
 * is preload/fork.c's, through libc's fork handlers, so that the forks inside
 * daemon() and forkpty() are covered too; the hooks add the child as a holding
 * and keep a running reporter from being copied half-way.
 */
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <errno.h>
#include <unistd.h>

#include "preload/ground/sys.h"
#include "preload/hooks/family.h"
#include "preload/hooks/spawn.h"

pid_t __fork(void);

/* ---- fork ---- */

#define FORKS(function)                                                                            \
    HOOK(function);                                                                                \
    HOOK_EXPORT pid_t function(void)                                                               \
    {                                                                                              \
        if (!guard_may_record(GUARD_FRAME()))                                                      \
            return REAL(function)();                                                               \
        struct call_site site = CALL_SITE();                                                       \
        fork_watch();                                                                              \
        NOTIFY(settle);                                                                            \
        child_coming();                                                                            \
        pid_t pid = REAL(function)();                                                              \
        if (pid != 0)                                                                              \
            child_acquired(&hook_##function, &site, pid < 0 ? -errno : pid, DETAIL_FORK);          \
        return pid;                                                                                \
    }

FORKS(fork)
FORKS(__fork)

/* Runs no fork handlers: ours are called here. */
HOOK(_Fork);
HOOK_EXPORT pid_t _Fork(void)
{
    if (!guard_may_record(GUARD_FRAME()))
        return REAL(_Fork)();
    struct call_site site = CALL_SITE();
    NOTIFY(settle);
    child_coming();
    fork_prepare();
    pid_t pid = REAL(_Fork)();
    if (pid == 0) {
        fork_child();
        return 0;
    }
    fork_parent();
    child_acquired(&hook__Fork, &site, pid < 0 ? -errno : pid, DETAIL_FORK);
    return pid;
}

HOOK(forkpty);
HOOK_EXPORT int forkpty(int *master, char *name, const struct termios *terminal,
                        const struct winsize *size)
{
    if (!guard_may_record(GUARD_FRAME()))
        return REAL(forkpty)(master, name, terminal, size);
    struct call_site site = CALL_SITE();
    fork_watch();
    NOTIFY(settle);
    child_coming();
    int pid = REAL(forkpty)(master, name, terminal, size);
    if (pid != 0)
        child_acquired(&hook_forkpty, &site, pid < 0 ? -errno : pid, DETAIL_FORK);
    if (pid > 0)
        descriptor_acquired(&hook_forkpty, &site, *master, CTT_KIND_FD, DETAIL_PTY);
    return pid;
}

/* The parent ends inside libc, unseen: it had nothing to say, since all that it
 * held is held on by the child. */
HOOK(daemon);
HOOK_EXPORT int daemon(int keep_directory, int keep_streams)
{
    if (guard_may_record(GUARD_FRAME())) {
        fork_watch();
        NOTIFY(settle);
    }
    return REAL(daemon)(keep_directory, keep_streams);
}

/* Its child is collected inside libc. A reporter must not be copied half-way
 * here either. */
HOOK(system);
HOOK_EXPORT int system(const char *command)
{
    if (guard_may_record(GUARD_FRAME())) {
        struct call_site site = CALL_SITE();
        if (command)
            exec_leaks_look(&hook_system, &site);
        NOTIFY(settle);
    }
    int status;
    BLOCKS(status = REAL(system)(command));
    return status;
}

/* ---- vfork: the stub is vfork_x86_64.S ---- */

HOOK(vfork);
HOOK(__vfork);
_Static_assert(offsetof(struct thread_self, vforked) == 16, "SELF_VFORKED in the stub");

/* The C halves of the stub: before the call, and after it in the parent, with
 * the result as the kernel gave it. */
void vfork_coming(void);
long vfork_returned(long result, uintptr_t pc, uintptr_t sp, uintptr_t fp);

/* Marks who waits: below this one every process on this thread is its child. */
static void vforker_note(void)
{
    if (self.vforked == 0)
        self.vforker = sys_getpid();
}

void vfork_coming(void)
{
    vforker_note();
    child_coming();
}

long vfork_returned(long result, uintptr_t pc, uintptr_t sp, uintptr_t fp)
{
    struct call_site site = {pc, sp, fp};
    bool is_entered = result != 0 && guard_may_record(GUARD_FRAME());
    child_acquired(&hook_vfork, &site, is_entered ? (int)result : 0, DETAIL_VFORK);
    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}

/* ---- posix_spawn ---- */

#define SPAWNS(function, searches)                                                                 \
    HOOK(function);                                                                                \
    SPAWN_FUNCTION(function, searches, spawned_by_pid)

SPAWNS(posix_spawn, false)
SPAWNS(posix_spawnp, true)

/* ---- clone ---- */

int __clone(int (*run)(void *), void *stack, int flags, void *argument, ...);

/* Lies on the parent's stack: the child has a copy of that memory, or shares
 * it while the parent waits (CLONE_VFORK). */
struct clone_start {
    int (*run)(void *);
    void *argument;
    bool shares_memory;
};

static int clone_main(void *argument)
{
    struct clone_start start = *(struct clone_start *)argument;
    if (start.shares_memory)
        self.vforked++; /* the parent's own flag: it puts it back */
    else
        fork_child();
    return start.run(start.argument);
}

/* Threads, and processes that share memory with a parent that runs on, are
 * left alone: the former are found in /proc, of the latter nothing can be said
 * that would not be said of the parent too. */
static bool clone_is_watched(int flags)
{
    return !(flags & CLONE_THREAD) && (!(flags & CLONE_VM) || flags & CLONE_VFORK);
}

#define CLONES(function)                                                                           \
    HOOK(function);                                                                                \
    HOOK_EXPORT int function(int (*run)(void *), void *stack, int flags, void *argument, ...)      \
    {                                                                                              \
        va_list more;                                                                              \
        va_start(more, argument);                                                                  \
        void *parent_tid = va_arg(more, void *);                                                   \
        void *thread_pointer = va_arg(more, void *);                                               \
        void *child_tid = va_arg(more, void *);                                                    \
        va_end(more);                                                                              \
        if (!clone_is_watched(flags) || !guard_may_record(GUARD_FRAME()))                          \
            return REAL(function)(run, stack, flags, argument, parent_tid, thread_pointer,         \
                                  child_tid);                                                      \
        struct call_site site = CALL_SITE();                                                       \
        struct clone_start start = {run, argument, flags & CLONE_VM};                              \
        uint32_t vforked = self.vforked;                                                           \
        NOTIFY(settle);                                                                            \
        vforker_note();                                                                            \
        child_coming();                                                                            \
        if (!start.shares_memory)                                                                  \
            fork_prepare();                                                                        \
        int pid = REAL(function)(clone_main, stack, flags, &start, parent_tid, thread_pointer,     \
                                 child_tid);                                                       \
        self.vforked = vforked;                                                                    \
        if (!start.shares_memory)                                                                  \
            fork_parent();                                                                         \
        int child = pid < 0 ? -errno : pid;                                                        \
        bool is_waited_for = (flags & CSIGNAL) == SIGCHLD;                                         \
        child_acquired(&hook_##function, &site, is_waited_for ? child : 0, DETAIL_FORK);           \
        return pid;                                                                                \
    }

CLONES(clone)
CLONES(__clone)
