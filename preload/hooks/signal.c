/* SPDX-License-Identifier: MIT */
/*
 * The program's view of its signals: what it sets goes to the kernel, what it
 * reads back is what it would read without us (facts/signals.h).
 *
 * While the program's disposition is SIG_DFL and we want the signal, the kernel
 * has our handler, in one step: there is no moment at which a signal meets the
 * real default. A vfork child has a signal table of its own in the kernel but
 * shares our memory: what it sets goes through as it is and changes no books.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "preload/facts/alternate.h"
#include "preload/facts/signals.h"
#include "preload/ground/hook.h"

/* What the kernel keeps of a program's sa_flags (linux/signal_types.h). */
#define FLAGS_KEPT     0xdc000807ul
#define FLAG_RESTORER  0x04000000ul
#define UNBLOCKABLE    (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))
#define FLAG_INTERRUPT 0x20000000 /* SA_INTERRUPT: libc's, ignored by the kernel */

typedef int sigaction_function(int, const struct sigaction *, struct sigaction *);

/* Signals whose handlers asked for the alternate stack before the program had
 * one (facts/alternate.h), and those for which siginterrupt was asked. */
static _Atomic uint64_t onstack_kept_back, interrupting;
static _Atomic bool program_has_stack;

static bool is_handler(const void *handler)
{
    return handler != (const void *)SIG_DFL && handler != (const void *)SIG_IGN;
}

static bool number_is_valid(int number)
{
    return number > 0 && number < SIGNALS_MAX;
}

/* What the program would read of the disposition that it has just set. */
static struct kernel_sigaction action_seen(int number, const struct sigaction *set)
{
    struct kernel_sigaction now = {0}, seen = {.handler = (void *)SIG_DFL};
    signals_kernel(number, NULL, &now);
    seen.flags = ((unsigned long)set->sa_flags & FLAGS_KEPT) | FLAG_RESTORER;
    seen.restorer = now.restorer;
    memcpy(&seen.mask, &set->sa_mask, sizeof seen.mask);
    seen.mask &= ~UNBLOCKABLE;
    return seen;
}

/* What was true of a signal before a call changes it. */
struct before {
    struct kernel_sigaction seen;
    bool kept_back;
};

/* Turns what the kernel told of the old disposition into the program's view. */
static void old_translate(int number, const struct before *before, struct sigaction *old)
{
    const struct kernel_sigaction *seen = &before->seen;
    if (signals_is_stand_in(number, (const void *)old->sa_handler)) {
        old->sa_handler = SIG_DFL;
        old->sa_flags = (int)seen->flags;
        old->sa_restorer = (void (*)(void))seen->restorer;
        memset(&old->sa_mask, 0, sizeof old->sa_mask);
        memcpy(&old->sa_mask, &seen->mask, sizeof seen->mask);
    } else if (before->kept_back) {
        old->sa_flags |= SA_ONSTACK;
    }
}

/* What goes to the kernel in place of `set`. */
static bool action_translate(int number, const struct sigaction *set, struct sigaction *ret_passed)
{
    struct kernel_sigaction ours;
    *ret_passed = *set;
    if (set->sa_handler == SIG_DFL && signals_stand_in(number, &ours)) {
        ret_passed->sa_handler = (void (*)(int))ours.handler;
        ret_passed->sa_flags = (int)ours.flags;
        memset(&ret_passed->sa_mask, 0xff, sizeof ret_passed->sa_mask);
        return true;
    }
    bool keep_back = (set->sa_flags & SA_ONSTACK) && is_handler((const void *)set->sa_handler) &&
                     !atomic_load(&program_has_stack);
    if (keep_back) {
        ret_passed->sa_flags &= ~SA_ONSTACK;
        atomic_fetch_or(&onstack_kept_back, SIGNAL_BIT(number));
    } else {
        atomic_fetch_and(&onstack_kept_back, ~SIGNAL_BIT(number));
    }
    return false;
}

static int action_change(sigaction_function *real, int number, const struct sigaction *set,
                         struct sigaction *ret_old)
{
    if (!number_is_valid(number))
        return real(number, set, ret_old);
    struct sigaction passed, was;
    struct before before = {signals_seen(number),
                            atomic_load(&onstack_kept_back) & SIGNAL_BIT(number)};
    bool stand_in = false;
    if (set && !guard_is_vforked())
        stand_in = action_translate(number, set, &passed);
    else if (set)
        passed = *set;
    int result = real(number, set ? &passed : NULL, &was);
    if (result < 0)
        return result;
    if (stand_in) {
        struct kernel_sigaction now = action_seen(number, set);
        signals_see(number, &now);
    }
    if (ret_old) {
        old_translate(number, &before, &was);
        *ret_old = was;
    }
    return result;
}

HOOK(sigaction);
HOOK_EXPORT int sigaction(int number, const struct sigaction *set, struct sigaction *old)
{
    return action_change(REAL(sigaction), number, set, old);
}

int __sigaction(int number, const struct sigaction *set, struct sigaction *old);
HOOK(__sigaction);
HOOK_EXPORT int __sigaction(int number, const struct sigaction *set, struct sigaction *old)
{
    return action_change(REAL(__sigaction), number, set, old);
}

/* ---- the older calls ---- */

/* SIG_DFL by one of them, as libc would build the action: `flags`, and the
 * signal itself blocked in its handler (BSD) or not. */
static sighandler_t default_set(int number, int flags, bool blocks_itself)
{
    struct sigaction set = {.sa_handler = SIG_DFL, .sa_flags = flags}, old;
    if (blocks_itself)
        sigaddset(&set.sa_mask, number);
    if (action_change(REAL(sigaction), number, &set, &old) < 0)
        return SIG_ERR;
    return old.sa_handler;
}

static sighandler_t old_handler(int number, sighandler_t result)
{
    return signals_is_stand_in(number, (const void *)result) ? SIG_DFL : result;
}

static bool is_ours_to_set(int number, sighandler_t handler)
{
    struct kernel_sigaction unused;
    return handler == SIG_DFL && number_is_valid(number) && !guard_is_vforked() &&
           signals_stand_in(number, &unused);
}

static int bsd_flags(int number)
{
    return atomic_load(&interrupting) & SIGNAL_BIT(number) ? 0 : SA_RESTART;
}

#define SETS_BSD(function)                                                                         \
    HOOK(function);                                                                                \
    HOOK_EXPORT sighandler_t function(int number, sighandler_t handler)                            \
    {                                                                                              \
        if (is_ours_to_set(number, handler))                                                       \
            return default_set(number, bsd_flags(number), true);                                   \
        return old_handler(number, REAL(function)(number, handler));                               \
    }

#define SETS_SYSV(function)                                                                        \
    HOOK(function);                                                                                \
    HOOK_EXPORT sighandler_t function(int number, sighandler_t handler)                            \
    {                                                                                              \
        if (is_ours_to_set(number, handler))                                                       \
            return default_set(number, (int)SA_RESETHAND | SA_NODEFER | FLAG_INTERRUPT, false);    \
        return old_handler(number, REAL(function)(number, handler));                               \
    }

sighandler_t bsd_signal(int number, sighandler_t handler);
sighandler_t __sysv_signal(int number, sighandler_t handler);

SETS_BSD(signal)
SETS_BSD(bsd_signal)
SETS_BSD(ssignal)
SETS_SYSV(sysv_signal)
SETS_SYSV(__sysv_signal)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* sigset also unblocks, and tells SIG_HOLD for a signal that was blocked. */
HOOK(sigset);
HOOK_EXPORT sighandler_t sigset(int number, sighandler_t handler)
{
    if (!is_ours_to_set(number, handler))
        return old_handler(number, REAL(sigset)(number, handler));
    sighandler_t old = default_set(number, 0, false);
    bool was_blocked = signals_mask(SIG_UNBLOCK, SIGNAL_BIT(number)) & SIGNAL_BIT(number);
    return was_blocked && old != SIG_ERR ? SIG_HOLD : old;
}

/* libc flips SA_RESTART in what the kernel has: where that is ours, it is
 * flipped in what the program sees, and ours is put right again. */
HOOK(siginterrupt);
HOOK_EXPORT int siginterrupt(int number, int interrupts)
{
    int result = REAL(siginterrupt)(number, interrupts);
    struct kernel_sigaction ours;
    if (result < 0 || guard_is_vforked())
        return result;
    if (interrupts)
        atomic_fetch_or(&interrupting, SIGNAL_BIT(number));
    else
        atomic_fetch_and(&interrupting, ~SIGNAL_BIT(number));
    if (signals_ours(number) && signals_stand_in(number, &ours)) {
        struct kernel_sigaction seen = signals_seen(number);
        seen.flags &= ~(unsigned long)SA_RESTART;
        if (!interrupts)
            seen.flags |= SA_RESTART;
        signals_see(number, &seen);
        signals_kernel(number, &ours, NULL);
    }
    return result;
}
#pragma GCC diagnostic pop

/* ---- alternate stacks ---- */

/* From now on the program has alternate stacks: what it asked for is done. */
static void onstack_give(void)
{
    if (atomic_exchange(&program_has_stack, true))
        return;
    uint64_t kept_back = atomic_exchange(&onstack_kept_back, 0);
    for (int number = 1; number < SIGNALS_MAX; number++) {
        struct kernel_sigaction now;
        if (!(kept_back & SIGNAL_BIT(number)) || signals_kernel(number, NULL, &now) < 0)
            continue;
        now.flags |= SA_ONSTACK;
        signals_kernel(number, &now, NULL);
    }
}

HOOK(sigaltstack);
HOOK_EXPORT int sigaltstack(const stack_t *set, stack_t *old)
{
    stack_t was;
    if (set && !(set->ss_flags & SS_DISABLE) && !guard_is_vforked())
        onstack_give();
    int result = REAL(sigaltstack)(set, &was);
    if (result < 0)
        return result;
    if (old) {
        *old = was;
        if (alternate_is_ours(was.ss_sp))
            *old = (stack_t){.ss_flags = SS_DISABLE};
    }
    if (set && (set->ss_flags & SS_DISABLE) && !guard_is_vforked())
        alternate_restore();
    return result;
}
