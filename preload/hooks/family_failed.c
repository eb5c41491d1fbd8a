/* SPDX-License-Identifier: MIT */
/*
 * Calls that failed, and the use of what they gave (D9).
 *
 * What is told is what no sound program does: to read from the descriptor -1, or to
 * write the count that a failed read has given. close(-1) is not: cleanup paths do it,
 * and nothing comes of it; nor are shutdown(-1) and taking -1 out of an epoll set, which
 * stand there, too, fcntl(-1), which asks whether a number is open, and fdopen(-1), whose
 * NULL is often the only check of both.
 *
 * What a program does after a failed or a short write cannot be told from what it should
 * do: to close the file is right for who has noticed, and wrong for who has not. So such
 * failures are notes: who looks for lost data finds where it was.
 */
#include "preload/hooks/family.h"

#include <errno.h>
#include <poll.h>

#include "preload/books/failure.h"

#define NO_FD    (-1)
#define NO_COUNT SIZE_MAX /* -1, as a count */

/* "Not now": loops end by it, and that is no reason to look at the stack. */
static bool is_lull(int error)
{
    return error == EAGAIN || error == EINTR;
}

/* ---- what failed to give something ---- */

void acquisition_failed(struct hook *hook, const struct call_site *site, enum ctt_kind_id kind)
{
    bool is_pointer = kind == CTT_KIND_STREAM || kind == CTT_KIND_DIR;
    int error = errno;
    uint32_t stack = is_lull(error) ? STACK_NONE : family_stack(hook, site);
    /* Of a number that was none already the earlier failure tells more. */
    if (is_pointer || error != EBADF)
        failure_keep(is_pointer ? FAILURE_POINTER : FAILURE_FD,
                     (struct room_failure){.stack = stack, .kind = kind, .error = (uint32_t)error});
    /* ENOMEM need not be the process's own. */
    if (error == EMFILE || error == ENFILE)
        limit_hit(stack, kind, error, 0);
    errno = error;
}

/* ---- -1 as a descriptor ---- */

void fd_missing_at(uint32_t stack, int fd)
{
    struct room_failure failed;
    if (fd != NO_FD || errno != EBADF || !failure_recent(FAILURE_FD, &failed) ||
        is_lull((int)failed.error)) /* a poll loop's -1 is often asked on purpose */
        return;
    mishap_note((struct ctt_mishap){.id = CTT_MISHAP_IGNORED_FD,
                                    .kind = failed.kind,
                                    .handle = UINT64_MAX,
                                    .error = failed.error,
                                    .stack = stack,
                                    .acquired_stack = failed.stack});
}

void fd_missing(struct hook *hook, const struct call_site *site, int fd)
{
    if (fd == NO_FD && errno == EBADF)
        fd_missing_at(family_stack(hook, site), fd);
}

/* ---- failed transfers ---- */

static bool is_loss(int error)
{
    return error == EIO || error == ENOSPC || error == EDQUOT || error == EFBIG;
}

static void data_lost(enum ctt_mishap_id id, enum ctt_kind_id kind, uint64_t handle, uint32_t stack)
{
    mishap_note((struct ctt_mishap){
        .id = id, .kind = kind, .handle = handle, .error = (uint32_t)errno, .stack = stack});
}

static void read_failed(struct hook *hook, const struct call_site *site, int fd)
{
    failure_keep(FAILURE_READ, (struct room_failure){
                                   .stack = is_lull(errno) ? STACK_NONE : family_stack(hook, site),
                                   .kind = CTT_KIND_FD,
                                   .error = (uint32_t)errno,
                                   .handle = (uint64_t)fd});
}

static void write_failed(struct hook *hook, const struct call_site *site, int fd, size_t count)
{
    struct room_failure failed;
    if (is_loss(errno))
        data_lost(CTT_MISHAP_FAILED_WRITE, CTT_KIND_FD, (uint64_t)fd, family_stack(hook, site));
    if (count != NO_COUNT || !failure_recent(FAILURE_READ, &failed))
        return;
    mishap_note((struct ctt_mishap){.id = CTT_MISHAP_IGNORED_COUNT,
                                    .kind = failed.kind,
                                    .handle = failed.handle,
                                    .error = failed.error,
                                    .stack = family_stack(hook, site),
                                    .acquired_stack = failed.stack});
}

void fd_use_failed(struct hook *hook, const struct call_site *site, int fd, short events,
                   size_t count)
{
    if (errno == EBADF) {
        fd_missing(hook, site, fd);
        fd_missed(hook, site, fd);
    }
    if (events == POLLIN)
        read_failed(hook, site, fd);
    else if (events == POLLOUT)
        write_failed(hook, site, fd, count);
}
