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

static bool is_passed_on(int fd, struct holding_copy *ret_holding)
{
    if (!fd_read(fd, ret_holding) || ret_holding->stack == STACK_NONE ||
        ret_holding->detail == DETAIL_POPEN) /* popen closes those of others */
        return false;
    long flags = sys_call(SYS_fcntl, fd, F_GETFD, 0, 0, 0, 0);
    return flags >= 0 && !(flags & FD_CLOEXEC);
}

void exec_leaks_look(struct hook *hook, const struct call_site *site, const char *path)
{
    if (!config.exec_leaks || !tracker_watching() || guard_is_inside(GUARD_FRAME()) ||
        (path && sys_call(SYS_faccessat, AT_FDCWD, (long)path, X_OK, 0, 0, 0) != 0))
        return;
    struct holding_copy holding;
    uint32_t stack = family_stack(hook, site);
    int limit = fd_limit();
    for (int fd = STDERR_FILENO + 1; fd < limit; fd++)
        if (is_passed_on(fd, &holding))
            mishap_note((struct ctt_mishap){.id = CTT_MISHAP_PASSED_ON,
                                            .kind = holding.kind,
                                            .handle = (uint64_t)fd,
                                            .stack = holding.stack,
                                            .acquired_stack = stack});
}

void exec_leaks_none(void)
{
    struct holding_copy holding;
    int limit = config.exec_leaks ? fd_limit() : 0;
    for (int fd = STDERR_FILENO + 1; fd < limit; fd++)
        if (is_passed_on(fd, &holding))
            mishap_withdraw(CTT_MISHAP_PASSED_ON, holding.stack);
}
