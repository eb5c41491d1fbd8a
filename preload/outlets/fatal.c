/* SPDX-License-Identifier: MIT */
#include "preload/outlets/fatal.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "preload/books/failure.h"
#include "preload/books/mishap.h"
#include "preload/facts/alternate.h"
#include "preload/facts/module.h"
#include "preload/facts/signals.h"
#include "preload/facts/stack.h"
#include "preload/ground/confine.h"
#include "preload/ground/guard.h"
#include "preload/ground/machine.h"
#include "preload/ground/notify.h"
#include "preload/ground/sys.h"
#include "preload/outlets/ending.h"
#include "preload/outlets/reporter.h"

#define STATUS_OF_SIGNAL 128
#define MEMBER_ALIGN     4u
#define NEAR_NONE_BYTES  (64u << 10)

/* A fault of the instruction that was interrupted comes again when the handler
 * returns. SIGSYS does not: the pc is behind the system call already. */
static const struct fatal_row {
    int number;
    bool recurs;
} fatal_rows[] = {
    {SIGSEGV, true},  {SIGBUS, true},   {SIGFPE, true},   {SIGILL, true},  {SIGABRT, false},
    {SIGSYS, false},  {SIGTERM, false}, {SIGINT, false},  {SIGHUP, false}, {SIGQUIT, false},
    {SIGPIPE, false}, {SIGALRM, false}, {SIGXCPU, false},
};
#define FATAL_ROWS (sizeof fatal_rows / sizeof *fatal_rows)

static bool recurs(int number, const siginfo_t *info)
{
    if (info->si_code <= 0) /* sent by somebody */
        return false;
    for (size_t i = 0; i < FATAL_ROWS; i++)
        if (fatal_rows[i].number == number)
            return fatal_rows[i].recurs;
    return false;
}

/* The default action, at the interrupted instruction: the signal is queued
 * again for this thread, still blocked here, and arrives when the handler has
 * returned. So the innermost frame in the core is the program's. */
static void take_course(int number, siginfo_t *info)
{
    struct kernel_sigaction standard = {.handler = (void *)SIG_DFL};
    pid_t pid = sys_getpid(), tid = sys_gettid();
    if (signals_kernel(number, &standard, NULL) >= 0 &&
        (recurs(number, info) ||
         sys_call(SYS_rt_tgsigqueueinfo, pid, tid, number, (long)info, 0, 0) >= 0 ||
         sys_call(SYS_tgkill, pid, tid, number, 0, 0, 0) >= 0))
        return;
    /* A filter of the program's refuses that (hazards.md D15): it must end all the same,
     * with what a shell would make of it. */
    if (confined())
        sys_call(SYS_exit_group, STATUS_OF_SIGNAL + number, 0, 0, 0, 0, 0);
}

/* D9: a member of something that was not there. MAP_FAILED is the last byte of all, and
 * what lies behind it is at 0 again. */
static bool is_near_none(const siginfo_t *info)
{
    return info->si_code == SEGV_MAPERR && (uintptr_t)info->si_addr + 1 <= NEAR_NONE_BYTES;
}

/* Only libc looks into a FILE or DIR. A member of what mmap did not give has an odd
 * address, less one than what it would have at NULL. */
static bool follows(uint32_t kind, uintptr_t pc, uintptr_t address)
{
    if (kind == CTT_KIND_MAPPING)
        return address + 1 == 0 || address % MEMBER_ALIGN == MEMBER_ALIGN - 1;
    if (kind != CTT_KIND_STREAM && kind != CTT_KIND_DIR)
        return true;
    const struct module *module = module_get(module_at(pc));
    return module && module->flags & CTT_MODULE_LIBC;
}

static void fault_judge(const siginfo_t *info, const void *ucontext)
{
    struct room_failure failed;
    struct call_site site = {machine_pc(ucontext), machine_sp(ucontext), machine_fp(ucontext)};
    if (!tracker_watching() || !is_near_none(info) || !failure_recent(FAILURE_POINTER, &failed) ||
        !follows(failed.kind, site.pc, (uintptr_t)info->si_addr))
        return;
    mishap_note((struct ctt_mishap){.id = CTT_MISHAP_IGNORED_POINTER,
                                    .kind = failed.kind,
                                    .handle = (uint64_t)(uintptr_t)info->si_addr,
                                    .error = failed.error,
                                    .stack = stack_capture_interrupted(&site),
                                    .acquired_stack = failed.stack});
}

static void on_fatal(int number, siginfo_t *info, void *ucontext)
{
    reporter_faulted();
    /* Not at home: the child of a vfork. Its signal table is its own, so what
     * take_course sets is not the parent's. */
    if (reporter_is_at_home()) {
        if (number == SIGSEGV)
            fault_judge(info, ucontext);
        ending_by_signal(number, ucontext);
    }
    take_course(number, info);
}

void fatal_start(void)
{
    /* Process 1 of a namespace has no default actions but for faults: with a
     * handler it would get signals that it is spared (hazards.md C14). */
    bool init = sys_getpid() == 1;
    for (size_t i = 0; i < FATAL_ROWS; i++)
        if (!init || fatal_rows[i].recurs)
            signals_claim(fatal_rows[i].number, on_fatal, SA_ONSTACK);
    alternate_start();
    notify.thread_started = alternate_start;
    notify.thread_ended = alternate_end;
}
