/* SPDX-License-Identifier: MIT */
/*
 * syscall(): the few raw calls that are looked at. The others do not come here:
 * the stub in syscall_x86_64.S jumps to libc's own, since a clone onto another
 * stack must not return through a frame of ours. What they acquire is found at
 * a snapshot, as untracked.
 *
 * close is looked at because libuv, and so node, closes every descriptor by it
 * (E4): what was acquired through a hook would look held for ever, and the next
 * owner of its number would be taken for the first.
 */
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/ground/confine.h"
#include "preload/hooks/family.h"

HOOK(syscall);
_Static_assert(offsetof(struct hook, real) == 8, "HOOK_REAL in the stub");

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

static long close_raw(const struct call_site *site, int fd)
{
    struct fd_release release;
    fd_releasing(&release, &hook_syscall, site, fd);
    long result = REAL(syscall)(SYS_close, fd);
    fd_released(&release, result);
    return result;
}

/* The C half of the stub: what is looked at, and whatever comes before the real
 * syscall() has been found. */
long syscall_looked_at(long number, long a, long b, long c, long d, long e, long f);
long syscall_looked_at(long number, long a, long b, long c, long d, long e, long f)
{
    if (number == SYS_close && guard_may_record(GUARD_FRAME())) {
        struct call_site site = CALL_SITE();
        return close_raw(&site, (int)a);
    }
    struct confine_filter *filter = number == SYS_seccomp ? confining(a, c) : NULL;
    long result = REAL(syscall)(number, a, b, c, d, e, f);
    if (result < 0)
        confine_failed(filter);
    return result;
}
