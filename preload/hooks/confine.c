/* SPDX-License-Identifier: MIT */
/*
 * The calls by which a program confines itself: afterwards the tracker keeps to
 * what its filters allow (ground/confine.h, hazards.md D15).
 *
 * syscall() is looked at for seccomp alone, and by the stub in
 * syscall_x86_64.S: a clone onto another stack must not return through a frame
 * of ours.
 */
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/ground/confine.h"
#include "preload/hooks/family.h"

HOOK(prctl);
HOOK_EXPORT int prctl(int option, ...)
{
    va_list more;
    va_start(more, option);
    unsigned long a = va_arg(more, unsigned long), b = va_arg(more, unsigned long);
    unsigned long c = va_arg(more, unsigned long), d = va_arg(more, unsigned long);
    va_end(more);
    struct confine_filter *filter = NULL;
    if (option == PR_SET_SECCOMP && !guard_is_vforked()) {
        NOTIFY(settle);
        filter = a == SECCOMP_MODE_STRICT ? confine_strictly() : NULL;
        if (a == SECCOMP_MODE_FILTER)
            filter = confine_by_filter((const struct sock_fprog *)b);
    }
    int result = REAL(prctl)(option, a, b, c, d);
    if (result < 0)
        confine_failed(filter);
    return result;
}

HOOK(syscall);
_Static_assert(offsetof(struct hook, real) == 8, "HOOK_REAL in the stub");

/* The C half of the stub: seccomp, and whatever comes before the real syscall()
 * has been found. */
long syscall_looked_at(long number, long a, long b, long c, long d, long e, long f);
long syscall_looked_at(long number, long a, long b, long c, long d, long e, long f)
{
    struct confine_filter *filter = NULL;
    if (number == SYS_seccomp && !guard_is_vforked()) {
        NOTIFY(settle);
        filter = a == SECCOMP_SET_MODE_STRICT ? confine_strictly() : NULL;
        if (a == SECCOMP_SET_MODE_FILTER)
            filter = confine_by_filter((const struct sock_fprog *)c);
    }
    long result = REAL(syscall)(number, a, b, c, d, e, f);
    if (result < 0)
        confine_failed(filter);
    return result;
}
