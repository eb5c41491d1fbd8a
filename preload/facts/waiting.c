/* SPDX-License-Identifier: MIT */
#include "preload/facts/waiting.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>

#include "preload/facts/signals.h"
#include "preload/ground/confine.h"
#include "preload/ground/guard.h"
#include "preload/ground/health.h"
#include "preload/ground/machine.h"
#include "preload/ground/sys.h"

#define MARK      UINT64_C(0x77616974696e6721)
#define NS_PER_S  1000000000u
#define NS_PER_MS 1000000u

void waiting_begin(struct waiting *wait, uintptr_t frame)
{
    wait->frame = frame;
    wait->outer = self.waiting;
    wait->held = wait->seen = 0;
    wait->program_signals = self.program_signals;
    wait->masked = wait->cut = false;
    wait->error = errno;
    wait->mark = MARK ^ (uintptr_t)wait;
    self.waiting = wait;
}

static uint64_t waiting_mask(const struct waiting *wait)
{
    uint64_t mask;
    memcpy(&mask, &wait->mask, sizeof mask);
    return mask;
}

static void waiting_unmask(struct waiting *wait)
{
    if (!wait->masked)
        return;
    wait->masked = false;
    signals_mask(SIG_SETMASK, waiting_mask(wait));
}

void waiting_end(struct waiting *wait)
{
    /* In this order: a handler of the program's that runs right after the
     * unblocking may wait, too. */
    self.waiting = wait->outer;
    wait->mark = 0;
    waiting_unmask(wait);
}

static bool forbidden(long number)
{
    return confined() && confine_refuses(number, (const long[6]){0});
}

static bool waiting_held(struct waiting *wait)
{
    if (wait->seen == wait->held)
        return false;
    wait->seen = wait->held;
    return true;
}

static bool waiting_goes_on(struct waiting *wait)
{
    HEALTH(waits_resumed);
    errno = wait->error;
    return true;
}

bool waiting_resumes_unmasked(struct waiting *wait)
{
    if (!waiting_held(wait))
        return false;
    bool pending = signals_pending(waiting_mask(wait));
    waiting_unmask(wait);
    return !pending && waiting_goes_on(wait);
}

bool waiting_resumes(struct waiting *wait, long number)
{
    if (forbidden(number))
        return waiting_resumes_unmasked(wait);
    return waiting_held(wait) && waiting_goes_on(wait);
}

void waiting_interrupted(void *ucontext)
{
    struct waiting *wait = self.waiting;
    uint64_t mark;
    long result;
    /* A longjmp out of a handler leaves a pointer into a dead frame, whose
     * stack may be gone altogether. */
    if (!wait || !sys_peek_own(&wait->mark, &mark, sizeof mark) ||
        mark != (MARK ^ (uintptr_t)wait) || wait->program_signals != self.program_signals ||
        !machine_interrupted_call(ucontext, wait->frame, &result) ||
        !(result == -EINTR || (wait->cut && result > 0)) || forbidden(SYS_rt_sigprocmask))
        return; /* the last: the mask could not be put back */
    if (!wait->masked) {
        uint64_t mask = machine_mask(ucontext);
        memset(&wait->mask, 0, sizeof wait->mask);
        memcpy(&wait->mask, &mask, sizeof mask);
        wait->masked = true;
    }
    machine_set_mask(ucontext, SIGNALS_ALL);
    wait->held++;
}

/* ---- deadlines ---- */

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t deadline_after_ms(int milliseconds)
{
    if (milliseconds < 0)
        return DEADLINE_NEVER;
    return milliseconds == 0 ? 0 : now_ns() + (uint64_t)milliseconds * NS_PER_MS;
}

uint64_t deadline_after(const struct timespec *timeout)
{
    if (!timeout)
        return DEADLINE_NEVER;
    return timeout->tv_sec == 0 && timeout->tv_nsec == 0 ? 0 : deadline_from(now_ns(), timeout);
}

uint64_t deadline_from(uint64_t begun, const struct timespec *timeout)
{
    uint64_t ns, deadline;
    if (__builtin_mul_overflow((uint64_t)timeout->tv_sec, NS_PER_S, &ns) ||
        __builtin_add_overflow(ns, (uint64_t)timeout->tv_nsec, &ns) ||
        __builtin_add_overflow(ns, begun, &deadline))
        return DEADLINE_NEVER;
    return deadline;
}

struct timespec *deadline_left(uint64_t deadline, struct timespec *ret_left)
{
    if (deadline == DEADLINE_NEVER)
        return NULL;
    uint64_t now = now_ns();
    uint64_t left = deadline > now ? deadline - now : 0;
    ret_left->tv_sec = (time_t)(left / NS_PER_S);
    ret_left->tv_nsec = (long)(left % NS_PER_S);
    return ret_left;
}

int deadline_left_ms(uint64_t deadline)
{
    struct timespec left;
    if (!deadline_left(deadline, &left))
        return -1;
    /* Rounded up, as poll itself never returns early. */
    uint64_t ms =
        (uint64_t)left.tv_sec * 1000 + ((uint64_t)left.tv_nsec + NS_PER_MS - 1) / NS_PER_MS;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}
