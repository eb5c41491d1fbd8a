/* SPDX-License-Identifier: MIT */
/*
 * Descriptors as holdings: entered after the real call, in a table with one
 * slot for each number. Who calls it: every hook whose result is a descriptor.
 */
#include "preload/hooks/family.h"

#include <errno.h>

#include "preload/books/dependency.h"
#include "preload/books/holders.h"
#include "preload/facts/releases.h"
#include "preload/facts/series.h"

#define STDIO_LAST 2 /* fds 0-2 are never blamed */

uint32_t family_stack(struct hook *hook, const struct call_site *site)
{
    NOTIFY(occasion, false);
    return stack_capture(site, hook_real(hook));
}

void family_tally(uint32_t stack, enum ctt_kind_id kind)
{
    struct stack_tally *tally = stack_tally(stack);
    if (!tally)
        return;
    uint64_t before = atomic_fetch_add_explicit(&tally->acquired, 1, memory_order_relaxed);
    atomic_store_explicit(&stack_note(stack)->kind, kind, memory_order_relaxed);
    series_note(stack, before, 1);
    stack_mirror_tally(stack);
}

void family_given_back(const struct holding_copy *was, uint32_t stack)
{
    release_note(was, stack);
    if (__builtin_expect(atomic_load_explicit(&dependencies_known, memory_order_relaxed), 0))
        dependency_check(was, stack);
}

void limit_hit(uint32_t stack, enum ctt_kind_id kind, int error, uint64_t wanted)
{
    if (error != EMFILE && error != ENFILE && error != EAGAIN && error != ENOMEM)
        return;
    int saved = errno;
    holders_note(error);
    mishap_note((struct ctt_mishap){.id = CTT_MISHAP_LIMIT,
                                    .kind = kind,
                                    .handle = UINT64_MAX,
                                    .error = (uint32_t)error,
                                    .stack = stack,
                                    .live = holders_live(error),
                                    .wanted = wanted});
    errno = saved;
}

void descriptor_enter(int fd, enum ctt_kind_id kind, enum holding_detail detail, uint32_t stack)
{
    struct holding_copy holding = holding_now(kind, detail, (uint64_t)fd, stack);
    if (fd <= STDIO_LAST)
        holding.flags |= CTT_HOLDING_STDIO;
    family_tally(stack, kind);
    fd_enter(fd, &holding);
}

void duplicate_enter(int fd, int from, uint32_t stack)
{
    struct holding_copy source = {.kind = CTT_KIND_FD};
    fd_read(from, &source);
    fd_set_source(fd, from, source.stack);
    descriptor_enter(fd, (enum ctt_kind_id)source.kind, DETAIL_DUP, stack);
}

void descriptor_acquired(struct hook *hook, const struct call_site *site, int fd,
                         enum ctt_kind_id kind, enum holding_detail detail)
{
    if (fd < 0)
        acquisition_failed(hook, site, kind);
    else
        descriptor_enter(fd, kind, detail, family_stack(hook, site));
}

void descriptors_acquired(struct hook *hook, const struct call_site *site, int result,
                          const int fds[2], enum ctt_kind_id kind, enum holding_detail first,
                          enum holding_detail second)
{
    if (result < 0) {
        acquisition_failed(hook, site, kind);
        return;
    }
    uint32_t stack = family_stack(hook, site);
    descriptor_enter(fds[0], kind, first, stack);
    descriptor_enter(fds[1], kind, second, stack);
}

void duplicate_acquired(struct hook *hook, const struct call_site *site, int from, int fd)
{
    struct holding_copy source;
    if (fd >= 0) {
        duplicate_enter(fd, from, family_stack(hook, site));
        return;
    }
    fd_missing(hook, site, from);
    acquisition_failed(hook, site, fd_read(from, &source) ? source.kind : CTT_KIND_FD);
}

void fd_used(int fd)
{
    NOTIFY(occasion, false);
    fd_touch(fd);
}
