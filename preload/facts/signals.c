/* SPDX-License-Identifier: MIT */
#include "preload/facts/signals.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "preload/ground/machine.h"
#include "preload/ground/sys.h"

#define KERNEL_SA_RESTORER 0x04000000ul

static struct claim {
    _Atomic(signals_handler) handler; /* NULL: not wanted */
    unsigned long flags;
    struct kernel_sigaction seen; /* what the program believes, while ours is there */
} claims[SIGNALS_MAX];

static struct claim *claim_of(int number)
{
    return number > 0 && number < SIGNALS_MAX ? &claims[number] : NULL;
}

int signals_kernel(int number, const struct kernel_sigaction *set, struct kernel_sigaction *ret_old)
{
    struct kernel_sigaction copy;
    if (set) {
        copy = *set;
        if (!copy.restorer) {
            copy.flags |= KERNEL_SA_RESTORER;
            copy.restorer = (void *)machine_restorer;
        }
    }
    return (int)sys_call(SYS_rt_sigaction, number, (long)(set ? &copy : NULL), (long)ret_old,
                         sizeof copy.mask, 0, 0);
}

uint64_t signals_mask(int how, uint64_t mask)
{
    uint64_t old = 0;
    sys_call(SYS_rt_sigprocmask, how, (long)&mask, (long)&old, sizeof mask, 0, 0);
    return old;
}

static bool has_handler_of_program(int number)
{
    struct kernel_sigaction now;
    return signals_kernel(number, NULL, &now) == 0 && now.handler != (void *)SIG_DFL &&
           now.handler != (void *)SIG_IGN && !signals_is_stand_in(number, now.handler);
}

bool signals_pending(uint64_t mask)
{
    uint64_t pending = 0;
    sys_call(SYS_rt_sigpending, (long)&pending, sizeof pending, 0, 0, 0, 0);
    for (pending &= ~mask; pending; pending &= pending - 1)
        if (has_handler_of_program(__builtin_ctzll(pending) + 1))
            return true;
    return false;
}

bool signals_stand_in(int number, struct kernel_sigaction *ret_action)
{
    struct claim *claim = claim_of(number);
    signals_handler handler = claim ? atomic_load(&claim->handler) : NULL;
    if (!handler)
        return false;
    *ret_action = (struct kernel_sigaction){
        .handler = (void *)handler, .flags = claim->flags, .mask = SIGNALS_ALL};
    return true;
}

bool signals_claim(int number, signals_handler handler, unsigned long flags)
{
    struct claim *claim = claim_of(number);
    struct kernel_sigaction was, ours;
    if (!claim || signals_kernel(number, NULL, &was) < 0)
        return false;
    claim->flags = flags | SA_SIGINFO;
    claim->seen = was;
    atomic_store(&claim->handler, handler);
    if (was.handler != (void *)SIG_DFL || !signals_stand_in(number, &ours))
        return false;
    return signals_kernel(number, &ours, NULL) == 0;
}

void signals_yield(int number)
{
    struct claim *claim = claim_of(number);
    if (!claim)
        return;
    struct kernel_sigaction seen = claim->seen;
    seen.handler = (void *)SIG_DFL;
    if (signals_ours(number))
        signals_kernel(number, &seen, NULL);
    atomic_store(&claim->handler, NULL);
}

bool signals_is_stand_in(int number, const void *handler)
{
    struct claim *claim = claim_of(number);
    return claim && handler && handler == (const void *)atomic_load(&claim->handler);
}

bool signals_ours(int number)
{
    struct kernel_sigaction now;
    return signals_kernel(number, NULL, &now) == 0 && signals_is_stand_in(number, now.handler);
}

static uint64_t requests;
static _Atomic bool request_came;

void signals_request_came(void)
{
    atomic_store_explicit(&request_came, true, memory_order_relaxed);
}

bool signals_request_ever_came(void)
{
    return atomic_load_explicit(&request_came, memory_order_relaxed);
}

void signals_requests_by(uint64_t set)
{
    requests = set;
}

uint64_t signals_requests(void)
{
    uint64_t ours = 0;
    for (uint64_t rest = requests; rest; rest &= rest - 1)
        if (signals_ours(__builtin_ctzll(rest) + 1))
            ours |= rest & -rest;
    return ours;
}

/* Ignored for a moment, for then the kernel forgets what is pending. */
static void pending_drop(int number)
{
    struct kernel_sigaction now, ignored = {.handler = (void *)SIG_IGN};
    if (signals_kernel(number, NULL, &now) < 0 || now.handler != (void *)SIG_DFL)
        return;
    signals_kernel(number, &ignored, NULL);
    signals_kernel(number, &now, NULL);
}

void signals_unshield(uint64_t set)
{
    uint64_t pending = 0;
    set &= ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
    if (!set)
        return;
    sys_call(SYS_rt_sigpending, (long)&pending, sizeof pending, 0, 0, 0, 0);
    for (pending &= set; pending; pending &= pending - 1)
        pending_drop(__builtin_ctzll(pending) + 1);
    signals_mask(SIG_UNBLOCK, set);
}

struct kernel_sigaction signals_seen(int number)
{
    struct claim *claim = claim_of(number);
    return claim ? claim->seen : (struct kernel_sigaction){.handler = (void *)SIG_DFL};
}

void signals_see(int number, const struct kernel_sigaction *seen)
{
    struct claim *claim = claim_of(number);
    if (claim)
        claim->seen = *seen;
}
