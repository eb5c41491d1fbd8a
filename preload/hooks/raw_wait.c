/* SPDX-License-Identifier: MIT */
/*
 * Waits by syscall(): see raw.h for the rows and facts/waiting.h for the EINTR
 * that is ours to swallow. As in wait.c the first call is the program's own and
 * the resumed ones are those that take a mask; what has no such form is made
 * again as it was (wait_time.c).
 *
 * A program that confines itself may not expect the form with a mask: then it
 * is not made, and the program sees the EINTR (hazards.md D15).
 */
#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "preload/facts/waiting.h"
#include "preload/ground/confine.h"
#include "preload/ground/sys.h"
#include "preload/hooks/raw.h"

#define MS_PER_S  1000
#define NS_PER_MS 1000000L
#define NS_PER_US 1000L

/* pselect6's sixth argument. */
struct kernel_mask {
    const void *mask;
    size_t bytes;
};

static long resumed(long number, long a, long b, long c, long d, long e, long f)
{
    long result = sys_call(number, a, b, c, d, e, f);
    if (!SYS_FAILED(result))
        return result;
    errno = confined() ? EINTR : (int)-result;
    return -1;
}

/* ---- time limits ---- */

/* Whether the kernel has told the time that is left: it goes without that where
 * it cannot write. */
static bool limit_is_told(const void *limit)
{
    return sys_poke((void *)(uintptr_t)limit, limit, sizeof(struct timespec)) != -EFAULT;
}

/* After the kernel has read the limit. */
static uint64_t limit_deadline(const struct raw_row *row, const long a[6], uint64_t begun)
{
    const void *limit = (const void *)raw_argument(row->limit, a);
    struct timespec time;
    if (row->unit == UNIT_MS) {
        int ms = (int)raw_argument(row->limit, a);
        time = (struct timespec){ms / MS_PER_S, ms % MS_PER_S * NS_PER_MS};
        return ms < 0 || !row->limit ? DEADLINE_NEVER : deadline_from(begun, &time);
    }
    if (!limit)
        return DEADLINE_NEVER;
    memcpy(&time, limit, sizeof time);
    if (row->unit == UNIT_TIMESPEC)
        return deadline_from(begun, &time);
    if (row->unit == UNIT_TIMEVAL_LEFT)
        time.tv_nsec *= NS_PER_US;
    return limit_is_told(limit) ? deadline_after(&time) : deadline_from(begun, &time);
}

static void limit_tell(const struct raw_row *row, const long a[6], uint64_t deadline)
{
    struct timespec left;
    if (row->unit < UNIT_TIMESPEC_LEFT || !deadline_left(deadline, &left))
        return;
    if (row->unit == UNIT_TIMEVAL_LEFT)
        left.tv_nsec /= NS_PER_US;
    sys_poke((void *)raw_argument(row->limit, a), &left, sizeof left);
}

/* ---- with the mask in force, or the one that the program passed ---- */

static long wait_again(struct waiting *wait, long number, const long a[6], uint64_t deadline)
{
    struct timespec time;
    long left = (long)deadline_left(deadline, &time);
    long mask = (long)&wait->mask;
    const struct kernel_mask in_force = {&wait->mask, KERNEL_MASK_BYTES};
    const struct kernel_mask *passed = number == SYS_pselect6 ? (const void *)a[5] : NULL;
    switch (number) {
    case SYS_poll:
        return resumed(SYS_ppoll, a[0], a[1], left, mask, KERNEL_MASK_BYTES, 0);
    case SYS_ppoll:
        return resumed(SYS_ppoll, a[0], a[1], left, a[3] ? a[3] : mask, KERNEL_MASK_BYTES, 0);
    case SYS_select:
    case SYS_pselect6:
        return resumed(SYS_pselect6, a[0], a[1], a[2], a[3], left,
                       (long)(passed && passed->mask ? passed : &in_force));
    case SYS_epoll_wait:
        return resumed(SYS_epoll_pwait, a[0], a[1], a[2], deadline_left_ms(deadline), mask,
                       KERNEL_MASK_BYTES);
    case SYS_epoll_pwait:
        return resumed(SYS_epoll_pwait, a[0], a[1], a[2], deadline_left_ms(deadline),
                       a[4] ? a[4] : mask, KERNEL_MASK_BYTES);
    case SYS_epoll_pwait2:
        return resumed(SYS_epoll_pwait2, a[0], a[1], a[2], left, a[4] ? a[4] : mask,
                       KERNEL_MASK_BYTES);
    case SYS_pause:
        return resumed(SYS_rt_sigsuspend, mask, KERNEL_MASK_BYTES, 0, 0, 0, 0);
    case SYS_rt_sigsuspend:
        return resumed(SYS_rt_sigsuspend, a[0], KERNEL_MASK_BYTES, 0, 0, 0, 0);
    default: /* a sleep */
        return resumed(SYS_ppoll, 0, 0, left, mask, KERNEL_MASK_BYTES, 0);
    }
}

long raw_wait(const struct raw_row *row, long number, const long a[6])
{
    WAITING(wait);
    uint64_t begun = raw_argument(row->limit, a) ? clock_fine_ns() : 0;
    long result = raw_call(number, a);
    if (result < 0 && wait.held) {
        uint64_t deadline = limit_deadline(row, a, begun);
        while (result < 0 && waiting_resumes(&wait, number))
            result = wait_again(&wait, number, a, deadline);
        limit_tell(row, a, deadline);
    }
    waiting_end(&wait);
    return result;
}

/* ---- calls that take no mask ---- */

long raw_again(const struct raw_row *row, long number, const long a[6])
{
    WAITING(wait);
    uint64_t begun = raw_argument(row->limit, a) ? clock_fine_ns() : 0;
    long result = raw_call(number, a);
    if (result < 0 && wait.held) {
        struct timespec left;
        uint64_t deadline = limit_deadline(row, a, begun);
        long next[6];
        memcpy(next, a, sizeof next);
        while (result < 0 && waiting_resumes_unmasked(&wait)) {
            if (row->limit)
                next[row->limit - 1] = (long)deadline_left(deadline, &left);
            result = raw_call(number, next);
        }
    }
    waiting_end(&wait);
    return result;
}

static const struct raw_row as_it_was;

/* Without a limit the kernel restarts a wait, and the others do not end by a
 * signal. FUTEX_WAIT alone counts its limit from now. */
long raw_futex(const struct raw_row *row, long number, const long a[6])
{
    int operation = (int)a[1] & FUTEX_CMD_MASK;
    if (a[3] && operation == FUTEX_WAIT)
        return raw_again(row, number, a);
    if (a[3] && operation == FUTEX_WAIT_BITSET)
        return raw_again(&as_it_was, number, a);
    return raw_call(number, a);
}

/* ---- sleeps: the limit, and behind it where the rest goes ---- */

/* On a clock that does not run like ours. */
static long sleep_again(struct waiting *wait, uint8_t limit, long number, long next[6])
{
    struct timespec time;
    long result = -1;
    while (result < 0 && waiting_resumes_unmasked(wait)) {
        memcpy(&time, (const void *)next[limit], sizeof time);
        next[limit - 1] = (long)&time;
        result = raw_call(number, next);
    }
    return result;
}

static long sleep_for(const struct raw_row *row, clockid_t clock, long number, const long a[6])
{
    WAITING(wait);
    struct timespec own;
    long next[6];
    memcpy(next, a, sizeof next);
    if (!next[row->limit])
        next[row->limit] = (long)&own;
    struct timespec *rest = (struct timespec *)next[row->limit];
    long result = raw_call(number, next);
    if (result < 0 && wait.held && clock_runs_steadily(clock)) {
        uint64_t deadline = deadline_after(rest);
        while (result < 0 && waiting_resumes(&wait, number))
            result = wait_again(&wait, number, a, deadline);
        if (result < 0)
            deadline_left(deadline, rest);
    } else if (result < 0 && wait.held) {
        result = sleep_again(&wait, row->limit, number, next);
    }
    waiting_end(&wait);
    return result;
}

long raw_sleep(const struct raw_row *row, long number, const long a[6])
{
    if (number == SYS_nanosleep)
        return sleep_for(row, CLOCK_MONOTONIC, number, a);
    return a[1] & TIMER_ABSTIME ? raw_again(&as_it_was, number, a)
                                : sleep_for(row, (clockid_t)a[0], number, a);
}
