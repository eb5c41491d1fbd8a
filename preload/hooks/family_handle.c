/* SPDX-License-Identifier: MIT */
/*
 * Streams and directories as holdings. Each is one resource: the descriptor
 * under it is entered too, since close() may meet it, but as a part that has an
 * owner (hazards.md E6, D25).
 */
#include "preload/hooks/family.h"

#include <errno.h>

#include "preload/facts/releases.h"

#define STDIO_LAST 2

/* A stream in memory has no descriptor: -1. */
static int stream_fd(FILE *stream)
{
    int saved = errno;
    int fd = fileno(stream);
    errno = saved;
    return fd;
}

static int directory_fd(DIR *directory)
{
    int saved = errno;
    int fd = dirfd(directory);
    errno = saved;
    return fd;
}

static void handle_enter(enum ctt_kind_id kind, enum holding_detail detail, const void *handle,
                         int fd, uint32_t stack)
{
    struct holding_copy holding = holding_now(kind, detail, (uint64_t)(uintptr_t)handle, stack);
    if (fd >= 0 && fd <= STDIO_LAST)
        holding.flags |= CTT_HOLDING_STDIO;
    family_tally(stack, kind);
    key_enter(&holding);
}

/* The descriptor that came with the handle: a part of it, not counted apart. */
static void part_enter(int fd, enum holding_detail detail, enum ctt_kind_id owner_kind,
                       const void *owner, uint32_t stack)
{
    if (fd < 0)
        return;
    enum ctt_kind_id kind = detail == DETAIL_POPEN ? CTT_KIND_PIPE : CTT_KIND_FD;
    struct holding_copy holding = holding_now(kind, detail, (uint64_t)fd, stack);
    holding.flags |=
        CTT_HOLDING_OWNED | CTT_HOLDING_PART | (fd <= STDIO_LAST ? CTT_HOLDING_STDIO : 0);
    holding.owner = (uint64_t)(uintptr_t)owner;
    holding.owner_kind = (uint8_t)owner_kind;
    fd_enter(fd, &holding);
}

static void part_adopt(int fd, enum holding_detail detail, enum ctt_kind_id owner_kind,
                       const void *owner, uint32_t stack)
{
    struct holding_copy known;
    if (fd >= 0 && fd_read(fd, &known))
        fd_set_owner(fd, (uint64_t)(uintptr_t)owner, owner_kind);
    else
        part_enter(fd, detail, owner_kind, owner, stack);
}

void stream_acquired(struct hook *hook, const struct call_site *site, FILE *stream,
                     enum holding_detail detail)
{
    if (!stream) {
        acquisition_failed(hook, site, CTT_KIND_STREAM);
        return;
    }
    uint32_t stack = family_stack(hook, site);
    int fd = stream_fd(stream);
    handle_enter(CTT_KIND_STREAM, detail, stream, fd, stack);
    part_enter(fd, detail, CTT_KIND_STREAM, stream, stack);
}

void stream_adopted(struct hook *hook, const struct call_site *site, FILE *stream)
{
    if (!stream) {
        acquisition_failed(hook, site, CTT_KIND_STREAM);
        return;
    }
    uint32_t stack = family_stack(hook, site);
    int fd = stream_fd(stream);
    handle_enter(CTT_KIND_STREAM, DETAIL_NONE, stream, fd, stack);
    part_adopt(fd, DETAIL_NONE, CTT_KIND_STREAM, stream, stack);
}

void directory_acquired(struct hook *hook, const struct call_site *site, DIR *directory)
{
    if (!directory) {
        acquisition_failed(hook, site, CTT_KIND_DIR);
        return;
    }
    uint32_t stack = family_stack(hook, site);
    int fd = directory_fd(directory);
    handle_enter(CTT_KIND_DIR, DETAIL_DIRECTORY, directory, fd, stack);
    part_enter(fd, DETAIL_DIRECTORY, CTT_KIND_DIR, directory, stack);
}

void directory_adopted(struct hook *hook, const struct call_site *site, DIR *directory)
{
    if (!directory) {
        acquisition_failed(hook, site, CTT_KIND_DIR);
        return;
    }
    uint32_t stack = family_stack(hook, site);
    int fd = directory_fd(directory);
    handle_enter(CTT_KIND_DIR, DETAIL_DIRECTORY, directory, fd, stack);
    part_adopt(fd, DETAIL_DIRECTORY, CTT_KIND_DIR, directory, stack);
}

/* The descriptor goes with the handle whoever owns it by the books: the real
 * call closes the number that stands in the FILE or DIR. */
static struct handle_release handle_take_out(struct hook *hook, const struct call_site *site,
                                             enum ctt_kind_id kind, const void *handle, int fd)
{
    struct handle_release release = {
        .stack = STACK_NONE, .was = {.kind = (uint8_t)kind, .handle = (uint64_t)(uintptr_t)handle}};
    struct fd_release part;
    release.had = key_take(kind, (uint64_t)(uintptr_t)handle, &release.was);
    if (fd < 0 && !release.had)
        return release;
    fd_releasing(&part, hook, site, fd);
    release.stack = part.stack;
    if (release.had)
        family_given_back(&release.was, part.stack);
    return release;
}

struct handle_release stream_releasing(struct hook *hook, const struct call_site *site,
                                       FILE *stream)
{
    if (!stream)
        return (struct handle_release){.had = false};
    return handle_take_out(hook, site, CTT_KIND_STREAM, stream, stream_fd(stream));
}

struct handle_release directory_releasing(struct hook *hook, const struct call_site *site,
                                          DIR *directory)
{
    if (!directory)
        return (struct handle_release){.had = false};
    return handle_take_out(hook, site, CTT_KIND_DIR, directory, directory_fd(directory));
}

void handle_released(const struct handle_release *release, int result)
{
    if (result == -1 && (release->had || release->stack != STACK_NONE)) /* stdin is nobody's */
        close_failed(&release->was, release->stack, errno);
}
