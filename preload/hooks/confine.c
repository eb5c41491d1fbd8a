/* SPDX-License-Identifier: MIT */
/*
 * The calls by which a program confines itself: afterwards the tracker keeps to
 * what its filters allow (ground/confine.h, hazards.md D15). The third is
 * syscall(SYS_seccomp): syscall.c.
 */
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>

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
