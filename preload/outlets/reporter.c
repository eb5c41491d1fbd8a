/* SPDX-License-Identifier: MIT */
#include "preload/outlets/reporter.h"

#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "preload/facts/signals.h"
#include "preload/ground/arena.h"
#include "preload/ground/confine.h"
#include "preload/ground/health.h"
#include "preload/ground/machine.h"
#include "preload/ground/sys.h"

#define STACK_BYTES (128u << 10)
#define GUARD_BYTES 4096u
#define NS_PER_S    1000000000u
#define SLICE_NS    100000000u /* a wait looks at the clock this often */

static char *stack;
/* 0: none. Otherwise a task has the stack, from before its clone until the
 * kernel clears the word behind its last instruction. */
static _Atomic uint32_t busy;
static _Atomic uint32_t task_tid;
static _Atomic uint32_t home;
static struct {
    void (*job)(void);
    int keep_fd;
    bool own_fds;
} current;

bool reporter_prepare(void)
{
    atomic_store(&home, (uint32_t)sys_getpid());
    stack = arena_map(GUARD_BYTES + STACK_BYTES);
    if (!stack)
        return false;
    sys_call(SYS_mprotect, (long)stack, GUARD_BYTES, PROT_NONE, 0, 0, 0);
    return true;
}

void reporter_forked(void)
{
    atomic_store(&home, (uint32_t)sys_getpid());
    atomic_store(&task_tid, 0);
    atomic_store(&busy, 0);
}

bool reporter_is_at_home(void)
{
    return atomic_load(&home) == (uint32_t)sys_getpid();
}

bool reporter_has_own_fds(void)
{
    return current.own_fds;
}

/* ---- the task ---- */

static void close_all_slowly(int keep_fd)
{
    struct rlimit limit = {1024, 1024};
    sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit, 0, 0);
    for (int fd = 0; (rlim_t)fd < limit.rlim_cur; fd++)
        if (fd != keep_fd)
            sys_close(fd);
}

/* Descriptors are closed in our copy of the table: no lock, no end of file of
 * the program's comes early or late. */
static bool take_own_fds(int keep_fd)
{
    const long last = UINT_MAX;
    const long first_gap = keep_fd < 0 ? last : keep_fd - 1;
    long result = keep_fd == 0
                      ? sys_call(SYS_close_range, 1, last, CLOSE_RANGE_UNSHARE, 0, 0, 0)
                      : sys_call(SYS_close_range, 0, first_gap, CLOSE_RANGE_UNSHARE, 0, 0, 0);
    if (result == 0 && keep_fd > 0)
        sys_call(SYS_close_range, keep_fd + 1, last, 0, 0, 0, 0);
    if (result == 0)
        return true;
    if (sys_call(SYS_unshare, CLONE_FILES, 0, 0, 0, 0, 0) < 0)
        return false;
    close_all_slowly(keep_fd);
    return true;
}

static void job_do(void *own_task)
{
    if (own_task) {
        atomic_store(&task_tid, (uint32_t)sys_gettid());
        current.own_fds = take_own_fds(current.keep_fd);
        /* A fault of ours must not be the program's death, as it would be with
         * the signal blocked. Only where its handler is ours: reporter_faulted. */
        if (signals_ours(SIGSEGV) && signals_ours(SIGBUS))
            signals_mask(SIG_UNBLOCK, SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS));
    }
    current.job();
    atomic_store(&task_tid, 0);
}

void reporter_faulted(void)
{
    if (atomic_load(&task_tid) != (uint32_t)sys_gettid())
        return;
    HEALTH(reporter_faults);
    atomic_store(&task_tid, 0);
    sys_call(SYS_exit, 0, 0, 0, 0, 0, 0);
}

bool reporter_run(void (*job)(void), int keep_fd)
{
    const unsigned long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                                CLONE_SYSVSEM | CLONE_CHILD_CLEARTID;
    uint32_t idle = 0;
    if (!stack || !atomic_compare_exchange_strong(&busy, &idle, 1))
        return false;
    current.job = job;
    current.keep_fd = keep_fd;
    current.own_fds = false;
    char *top = stack + GUARD_BYTES + STACK_BYTES;
    uint64_t mask = signals_mask(SIG_SETMASK, SIGNALS_ALL);
    long result =
        confined() ? -EPERM : machine_clone(flags, top, (uint32_t *)&busy, job_do, (void *)1);
    if (result < 0) {
        HEALTH(snapshots_inline);
        machine_call_on(top, job_do, NULL);
        atomic_store(&busy, 0);
    }
    signals_mask(SIG_SETMASK, mask);
    return true;
}

bool reporter_wait(uint64_t patience_ns)
{
    uint64_t begun = clock_fine_ns();
    uint32_t now;
    while ((now = atomic_load(&busy)) != 0) {
        uint64_t waited = clock_fine_ns() - begun;
        if (waited >= patience_ns)
            return false;
        uint64_t slice = patience_ns - waited < SLICE_NS ? patience_ns - waited : SLICE_NS;
        struct timespec time = {(time_t)(slice / NS_PER_S), (long)(slice % NS_PER_S)};
        sys_call(SYS_futex, (long)&busy, FUTEX_WAIT, now, (long)&time, 0, 0);
    }
    return true;
}
