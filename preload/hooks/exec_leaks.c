/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that a program is started with, or replaced by one with, though nobody
 * meant it to have them (D21, exec_leaks=1): without O_CLOEXEC they stay open there.
 *
 * The kernel is asked for each at that moment, for the child of a fork or vfork may have
 * closed some. What posix_spawn is told to close (its file actions) is not known, and then
 * nothing is said; nor of what this process itself was started with.
 */
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/ground/config.h"
#include "preload/ground/sys.h"
#include "preload/hooks/exec.h"
#include "preload/hooks/family.h"

/* A descriptor that a fork's child has made for itself it means to hand on. */
static bool is_passed_on(int fd, struct holding_copy *ret_holding)
{
    if (!fd_read(fd, ret_holding) || ret_holding->stack == STACK_NONE ||
        ret_holding->detail == DETAIL_POPEN || /* popen closes those of others */
        (atomic_load(&is_fork_child) && !(ret_holding->flags & CTT_HOLDING_INHERITED)))
        return false;
    long flags = sys_call(SYS_fcntl, fd, F_GETFD, 0, 0, 0, 0);
    return flags >= 0 && !(flags & FD_CLOEXEC);
}

static void each_passed_on(uint32_t started_at, void (*tell)(struct ctt_mishap fact))
{
    struct holding_copy holding;
    int limit = fd_limit();
    for (int fd = STDERR_FILENO + 1; fd < limit; fd++)
        if (is_passed_on(fd, &holding))
            tell((struct ctt_mishap){.id = CTT_MISHAP_PASSED_ON,
                                     .kind = holding.kind,
                                     .handle = (uint64_t)fd,
                                     .stack = holding.stack,
                                     .acquired_stack = started_at});
}

uint32_t exec_leaks_look(struct hook *hook, const struct call_site *site)
{
    if (!config.exec_leaks || !tracker_watching() || guard_is_inside(GUARD_FRAME()))
        return STACK_NONE;
    uint32_t stack = family_stack(hook, site);
    each_passed_on(stack, mishap_note);
    return stack;
}

void exec_leaks_none(uint32_t stack)
{
    if (stack != STACK_NONE)
        each_passed_on(stack, mishap_take_back);
}
