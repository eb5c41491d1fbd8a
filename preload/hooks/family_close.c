/* SPDX-License-Identifier: MIT */
/*
 * Descriptors given back, and which closes are mishaps.
 *
 * A close that finds nothing is a double close only where the program must have
 * believed in the number. Programs close blindly too: loops over every number
 * that might be open, children that tidy up what they inherited. So a place in
 * the program that once closed a number which never was open here, or two
 * numbers in a row that were not, is a blind closer: nothing it does is noted,
 * and what was noted of it before is withdrawn.
 */
#include "preload/hooks/family.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/facts/releases.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"

/* ---- blind closers ---- */

#define CLOSERS_MAX 256u /* places that ever closed in vain; beyond: all blind */
#define NO_FD       (-1)

struct closer {
    _Atomic uint32_t stack;
    _Atomic int last_fd; /* its last close in vain, plus 1 (0: none) */
    _Atomic bool blind;
};
static struct closer closers[CLOSERS_MAX];

static _Atomic bool forgiving;

void closes_forgive(void)
{
    atomic_store(&forgiving, true);
}

static struct closer *closer_find(uint32_t stack)
{
    for (uint32_t probe = 0; probe < CLOSERS_MAX; probe++) {
        struct closer *closer = &closers[(stack + probe) % CLOSERS_MAX];
        uint32_t other = 0;
        if (atomic_compare_exchange_strong(&closer->stack, &other, stack) || other == stack)
            return closer;
    }
    return NULL;
}

/* The place `stack` closed `fd` in vain. Whether it is blind, now or before. */
static bool closer_is_blind(uint32_t stack, int fd, bool ever_open)
{
    struct closer *closer = closer_find(stack);
    if (!closer)
        return true;
    int before = atomic_exchange(&closer->last_fd, fd + 1) - 1;
    bool sweeps = before != NO_FD && (fd == before + 1 || fd == before - 1);
    if (!ever_open || sweeps)
        atomic_store(&closer->blind, true);
    return atomic_load(&closer->blind);
}

static void double_close_judged(const struct fd_release *release)
{
    if (release->fd < 0 || !release->stack || atomic_load(&forgiving))
        return;
    if (closer_is_blind(release->stack, release->fd, release->earlier_acquired_stack != 0)) {
        mishap_withdraw(CTT_MISHAP_DOUBLE_CLOSE, release->stack);
        return;
    }
    mishap_note((struct ctt_mishap){.id = CTT_MISHAP_DOUBLE_CLOSE,
                                    .kind = CTT_KIND_FD,
                                    .handle = (uint64_t)release->fd,
                                    .error = EBADF,
                                    .stack = release->stack,
                                    .acquired_stack = release->earlier_acquired_stack,
                                    .released_stack = release->earlier_stack,
                                    .released_task = release->earlier_task});
}

/* D25: the descriptor of a FILE or DIR that is still open was closed. */
static __attribute__((noinline, cold)) void owner_judged(const struct fd_release *release)
{
    const struct holding_copy *was = &release->was;
    const uint16_t blameless = CTT_HOLDING_INHERITED | CTT_HOLDING_STDIO;
    struct holding_copy owner;
    if (was->flags & blameless || !key_read(was->owner_kind, was->owner, &owner) ||
        owner.flags & blameless)
        return;
    mishap_note((struct ctt_mishap){.id = CTT_MISHAP_CLOSED_BEHIND_OWNER,
                                    .kind = was->kind,
                                    .handle = (uint64_t)release->fd,
                                    .owner = was->owner,
                                    .owner_kind = was->owner_kind,
                                    .stack = release->stack,
                                    .acquired_stack = owner.stack});
}

void close_failed(const struct holding_copy *was, uint32_t stack, int error)
{
    mishap_note((struct ctt_mishap){.id = CTT_MISHAP_FAILED_CLOSE,
                                    .kind = was->kind,
                                    .handle = was->handle,
                                    .error = (uint32_t)error,
                                    .stack = stack,
                                    .acquired_stack = was->stack});
}

/* D16: who acquired it uses it, and another has closed it: what the use finds is nothing
 * today, and somebody else's file tomorrow. */
void fd_missed(struct hook *hook, const struct call_site *site, int fd)
{
    const struct holding *slot = fd_slot(fd);
    if (!slot || atomic_load(&slot->live) || !slot->released_acquired_stack ||
        slot->task != self.task || slot->released_task == self.task)
        return;
    /* The same error is had of what is open, but not for that. */
    if (sys_call(SYS_fcntl, fd, F_GETFD, 0, 0, 0, 0) != -EBADF)
        return;
    mishap_note((struct ctt_mishap){.id = CTT_MISHAP_FOREIGN_RELEASE,
                                    .kind = slot->kind,
                                    .handle = (uint64_t)fd,
                                    .error = EBADF,
                                    .stack = family_stack(hook, site),
                                    .acquired_stack = slot->released_acquired_stack,
                                    .released_stack = slot->released_stack,
                                    .released_task = slot->released_task});
}

/* ---- one descriptor ---- */

static void fd_take_out(struct fd_release *release, int fd, uint32_t stack)
{
    *release = (struct fd_release){.fd = fd, .stack = stack};
    const struct holding *slot = fd_slot(fd);
    if (!slot)
        return;
    /* Read before the take, which writes its own release there. */
    release->earlier_stack = slot->released_stack;
    release->earlier_acquired_stack = slot->released_acquired_stack;
    release->earlier_task = slot->released_task;
    release->had = fd_take(fd, stack, &release->was);
}

/* A part is not counted apart: its owner is. */
static void fd_gone(const struct fd_release *release)
{
    if (release->had && !(release->was.flags & CTT_HOLDING_PART))
        family_given_back(&release->was, release->stack);
}

/* For good: closed by what is called now, whatever that says (E3). */
static void fd_give_back(struct fd_release *release, int fd, uint32_t stack)
{
    fd_take_out(release, fd, stack);
    fd_gone(release);
}

void fd_releasing(struct fd_release *release, struct hook *hook, const struct call_site *site,
                  int fd)
{
    if (fd == STDERR_FILENO)
        NOTIFY(stderr_closing);
    fd_give_back(release, fd, family_stack(hook, site));
}

/* The call says -1. Whether it has released all the same. */
static __attribute__((noinline, cold)) bool released_badly(const struct fd_release *release)
{
    if (errno != EBADF) {
        if (release->had)
            close_failed(&release->was, release->stack, errno);
        return true;
    }
    if (release->had)
        HEALTH(fd_releases_missed); /* closed by a way that no hook saw */
    else
        double_close_judged(release);
    return false;
}

void fd_released(struct fd_release *release, intptr_t result)
{
    if (__builtin_expect(result == -1, 0) && !released_badly(release))
        return;
    if (release->had && __builtin_expect(release->was.flags & CTT_HOLDING_OWNED, 0))
        owner_judged(release);
}

void fd_replacing(struct fd_release *release, struct hook *hook, const struct call_site *site,
                  int fd)
{
    fd_take_out(release, fd, family_stack(hook, site));
}

void fd_replaced(struct fd_release *release, int from, int result)
{
    if (result < 0) {
        fd_missing_at(release->stack, from);
        if (release->had)
            fd_enter(release->fd, &release->was);
        return;
    }
    fd_gone(release);
    duplicate_enter(result, from, release->stack);
    /* A redirected stream keeps its number, and owns what stands there now. */
    if (release->had && release->was.flags & CTT_HOLDING_OWNED)
        fd_set_owner(result, release->was.owner, release->was.owner_kind);
}

void fds_releasing(struct hook *hook, const struct call_site *site, unsigned first, unsigned last)
{
    if (first <= STDERR_FILENO && last >= STDERR_FILENO)
        NOTIFY(stderr_closing);
    uint32_t stack = family_stack(hook, site);
    unsigned end = (unsigned)fd_limit();
    struct fd_release release;
    for (unsigned fd = first; fd < end && fd <= last; fd++)
        fd_give_back(&release, (int)fd, stack);
}
