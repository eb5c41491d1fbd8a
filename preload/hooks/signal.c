/* SPDX-License-Identifier: MIT */
/*
 * The program's view of its signals: what it sets goes to the kernel, what it
 * reads back is what it would read without us (facts/signals.h).
 *
 * While the program's disposition is SIG_DFL and we want the signal, the kernel
 * has our handler, in one step: there is no moment at which a signal meets the
 * real default. Handlers of the program's are entered through
 * machine_handler_entry, which counts them for facts/waiting.h. A vfork child
 * has a signal table of its own in the kernel but shares our memory: what it
 * sets goes through as it is and changes no books.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "preload/facts/alternate.h"
#include "preload/facts/signals.h"
#include "preload/ground/hook.h"
#include "preload/ground/machine.h"
#include "preload/ground/room.h"

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
    void *handler;
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
        return;
    }
    if (old->sa_handler == machine_handler_entry)
        old->sa_handler = (void (*)(int))before->handler;
    if (before->kept_back)
        old->sa_flags |= SA_ONSTACK;
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
    bool is_one = is_handler((const void *)set->sa_handler);
    if (is_one)
        ret_passed->sa_handler = machine_handler_entry;
    if (is_one && (set->sa_flags & SA_ONSTACK) && !atomic_load(&program_has_stack)) {
        ret_passed->sa_flags &= ~SA_ONSTACK;
        atomic_fetch_or(&onstack_kept_back, SIGNAL_BIT(number));
    } else {
        atomic_fetch_and(&onstack_kept_back, ~SIGNAL_BIT(number));
    }
    return false;
}

/* A signal that arrives while the disposition changes meets the old flags with
 * the new handler, or the new flags with the old one. Harmless, but for a
 * handler that wants a siginfo under flags without SA_SIGINFO: the order is
 * chosen so that this does not happen. */
static bool handler_goes_first(int number, const struct sigaction *set)
{
    struct kernel_sigaction now = {0};
    signals_kernel(number, NULL, &now);
    return now.handler != (void *)machine_handler_entry || !(set->sa_flags & SA_SIGINFO) ||
           (now.flags & SA_SIGINFO);
}

static int action_set(sigaction_function *real, int number, const struct sigaction *set,
                      struct sigaction *ret_was)
{
    struct sigaction passed;
    bool stand_in = action_translate(number, set, &passed);
    bool is_one = passed.sa_handler == machine_handler_entry;
    bool first = is_one && handler_goes_first(number, set);
    void *handler = (void *)set->sa_handler;
    if (first)
        handler = atomic_exchange(&machine_handlers[number], handler);
    int result = real(number, &passed, ret_was);
    if (is_one && (first ? result < 0 : result == 0))
        atomic_store(&machine_handlers[number], handler);
    if (stand_in && result == 0) {
        struct kernel_sigaction now = action_seen(number, set);
        signals_see(number, &now);
    }
    return result;
}

static int action_change(sigaction_function *real, int number, const struct sigaction *set,
                         struct sigaction *ret_old)
{
    if (!number_is_valid(number))
        return real(number, set, ret_old);
    struct sigaction was;
    struct before before = {signals_seen(number), atomic_load(&machine_handlers[number]),
                            atomic_load(&onstack_kept_back) & SIGNAL_BIT(number)};
    int result =
        set && !guard_is_vforked() ? action_set(real, number, set, &was) : real(number, set, &was);
    if (result == 0 && ret_old) {
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

/* One of them, as libc builds the action: `flags`, and the signal itself
 * blocked in its handler (BSD) or not. */
static sighandler_t handler_set(int number, sighandler_t handler, int flags, bool blocks_itself)
{
    struct sigaction set = {.sa_handler = handler, .sa_flags = flags}, old;
    if (!number_is_valid(number) || handler == SIG_ERR) {
        errno = EINVAL;
        return SIG_ERR;
    }
    if (blocks_itself)
        sigaddset(&set.sa_mask, number);
    if (action_change(REAL(sigaction), number, &set, &old) < 0)
        return SIG_ERR;
    return old.sa_handler;
}

static int bsd_flags(int number)
{
    bool interrupts = number_is_valid(number) && (atomic_load(&interrupting) & SIGNAL_BIT(number));
    return interrupts ? 0 : SA_RESTART;
}

#define SETS(function, flags, blocks_itself)                                                       \
    HOOK(function);                                                                                \
    HOOK_EXPORT sighandler_t function(int number, sighandler_t handler)                            \
    {                                                                                              \
        return handler_set(number, handler, flags, blocks_itself);                                 \
    }

#define SYSV_FLAGS ((int)SA_RESETHAND | SA_NODEFER | FLAG_INTERRUPT)

sighandler_t bsd_signal(int number, sighandler_t handler);

SETS(signal, bsd_flags(number), true)
SETS(bsd_signal, bsd_flags(number), true)
SETS(ssignal, bsd_flags(number), true)
SETS(sysv_signal, SYSV_FLAGS, false)
SETS(__sysv_signal, SYSV_FLAGS, false)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* Also unblocks, and tells SIG_HOLD for a signal that was blocked; SIG_HOLD
 * itself blocks it and leaves the handler. */
HOOK(sigset);
HOOK_EXPORT sighandler_t sigset(int number, sighandler_t handler)
{
    struct sigaction now;
    if (handler == SIG_HOLD) {
        if (action_change(REAL(sigaction), number, NULL, &now) < 0)
            return SIG_ERR;
        bool held = signals_mask(SIG_BLOCK, SIGNAL_BIT(number)) & SIGNAL_BIT(number);
        return held ? SIG_HOLD : now.sa_handler;
    }
    sighandler_t old = handler_set(number, handler, 0, false);
    if (old == SIG_ERR)
        return old;
    bool held = signals_mask(SIG_UNBLOCK, SIGNAL_BIT(number)) & SIGNAL_BIT(number);
    return held ? SIG_HOLD : old;
}

HOOK(sigignore);
HOOK_EXPORT int sigignore(int number)
{
    return handler_set(number, SIG_IGN, 0, false) == SIG_ERR ? -1 : 0;
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
    alternate_give_up();
    uint64_t kept_back = atomic_exchange(&onstack_kept_back, 0);
    for (int number = 1; number < SIGNALS_MAX; number++) {
        struct kernel_sigaction now;
        if (!(kept_back & SIGNAL_BIT(number)) || signals_kernel(number, NULL, &now) < 0)
            continue;
        now.flags |= SA_ONSTACK;
        signals_kernel(number, &now, NULL);
    }
}

static void note_signal_stack(const stack_t *set)
{
    struct thread_room *room = guard_may_record(GUARD_FRAME()) ? room_get() : NULL;
    uintptr_t low = set->ss_flags & SS_DISABLE ? 0 : (uintptr_t)set->ss_sp;
    if (room)
        room->signal_stack = (struct room_range){low, low ? low + set->ss_size : 0};
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
    if (set)
        note_signal_stack(set);
    if (old) {
        *old = was;
        if (alternate_is_ours(was.ss_sp))
            *old = (stack_t){.ss_flags = SS_DISABLE};
    }
    return result;
}
