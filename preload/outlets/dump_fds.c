/* SPDX-License-Identifier: MIT */
/*
 * Descriptors, one by one: the table compared with what the kernel shows. What
 * only the kernel has is told as untracked (a raw system call, io_uring, a
 * descriptor received); what only the table has, as gone.
 *
 * The kernel shows them by threads, and the table of one that has ended is empty. The
 * task that writes has a table of its own, so another's is looked at: that of a thread
 * which lives, the main one before all.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "preload/facts/context.h"
#include "preload/ground/config.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"
#include "preload/outlets/dump_holdings.h"
#include "preload/outlets/reporter.h"
#include "preload/outlets/terminal.h"

#define FD_PATH   64u
#define WORD_BITS 64

static void fd_path(const struct dump *dump, const char *folder, int fd, char path[FD_PATH])
{
    struct text text = {path, 0, FD_PATH};
    text_add(&text, "/proc/self/task/");
    text_add_u64(&text, dump->fd_tid);
    text_add(&text, folder);
    if (fd >= 0)
        text_add_u64(&text, (uint64_t)fd);
}

static bool present_one(const char *name, void *arg)
{
    struct dump *dump = arg;
    uint64_t fd = text_read_u64(&name);
    if (fd < FD_MAX) {
        dump->fd_present[fd / WORD_BITS] |= UINT64_C(1) << fd % WORD_BITS;
        dump->fd_count++;
    }
    return true;
}

static bool is_any_held(void)
{
    struct holding_copy holding;
    int limit = fd_limit(), fd = 0;
    while (fd < limit && !fd_read(fd, &holding))
        fd++;
    return fd < limit;
}

/* Whether the thread has any; false also of one that has ended. */
static bool list_of(struct dump *dump, uint32_t tid)
{
    char path[FD_PATH];
    dump->fd_tid = tid;
    dump->fd_count = 0;
    fd_path(dump, "/fd", -1, path);
    /* One that ends in the middle of it gives a part. */
    return sys_list(path, present_one, dump) >= 0 && dump->fd_count > 0 &&
           sys_call(SYS_tgkill, sys_getpid(), tid, 0, 0, 0, 0) != -ESRCH;
}

static bool list_one(const char *name, void *arg)
{
    struct dump *dump = arg;
    uint32_t tid = (uint32_t)text_read_u64(&name);
    return tid == 0 || tid == (uint32_t)sys_gettid() || !list_of(dump, tid);
}

void dump_list_fds(struct dump *dump)
{
    dump->fd_present = sys_map(FD_PRESENT_BYTES);
    if (!dump->fd_present)
        return;
    if (!reporter_has_own_fds() && list_of(dump, (uint32_t)sys_gettid()))
        return;
    if (!list_of(dump, (uint32_t)sys_getpid()) && !list_of(dump, dump->request->tid))
        sys_list("/proc/self/task", list_one, dump);
    if (!dump->fd_count && is_any_held())
        HEALTH(listings_missing);
}

/* What was found by it is not there by its name: has the thread ended, and not the
 * descriptor? Then whoever lives is looked at from here on. */
static bool found_elsewhere(struct dump *dump, int fd, char *link, size_t bytes)
{
    char path[FD_PATH];
    uint32_t before = dump->fd_tid;
    fd_path(dump, "/status", -1, path);
    if (sys_slurp(path, link, bytes) > 0 && !strstr(link, "\nState:\tZ"))
        return false;
    sys_list("/proc/self/task", list_one, dump);
    if (dump->fd_tid == before)
        return false;
    fd_path(dump, "/fd/", fd, path);
    return sys_readlink(path, link, bytes) > 0;
}

static bool is_present(const struct dump *dump, int fd)
{
    return dump->fd_present && (dump->fd_present[fd / WORD_BITS] >> fd % WORD_BITS & 1);
}

/* "flags:\t02100002", in octal, from fdinfo. */
static bool has_cloexec(const struct dump *dump, int fd)
{
    char path[FD_PATH], info[256];
    fd_path(dump, "/fdinfo/", fd, path);
    if (sys_slurp(path, info, sizeof info) <= 0)
        return false;
    const char *at = strstr(info, "flags:\t");
    uint64_t flags = 0;
    if (!at)
        return false;
    for (at += strlen("flags:\t"); *at >= '0' && *at <= '7'; at++)
        flags = flags * 8 + (uint64_t)(*at - '0');
    return flags & O_CLOEXEC;
}

/* What sort a descriptor is by the look of its link. */
static enum ctt_kind_id kind_by_link(const char *link)
{
    static const struct row {
        const char *prefix;
        enum ctt_kind_id kind;
    } rows[] = {{"socket:", CTT_KIND_SOCKET},
                {"pipe:", CTT_KIND_PIPE},
                {"anon_inode:", CTT_KIND_EVENT},
                {"pidfd:", CTT_KIND_EVENT}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strncmp(link, rows[i].prefix, strlen(rows[i].prefix)) == 0)
            return rows[i].kind;
    return CTT_KIND_FD;
}

static void tell_tracked(struct dump *dump, int fd, const struct holding_copy *holding,
                         const char *link)
{
    struct ctt_holding record;
    dump_fill_holding(dump, holding, &record);
    if (!link && dump->fd_count)
        record.flags |= CTT_HOLDING_GONE;
    else if (link && has_cloexec(dump, fd))
        record.flags |= CTT_HOLDING_CLOEXEC;
    if (holding->detail == DETAIL_DUP) {
        fd_source(fd, &record.source, &record.source_stack);
        record.source_stack = dump_stack(dump, record.source_stack);
    }
    if (link) {
        record.name = dump_string(dump, link);
        dump_peers(dump, link, &record);
    }
    dump_record(dump, CTT_HOLDING, &record, sizeof record);
}

static void tell_untracked(struct dump *dump, int fd, const char *link)
{
    struct ctt_holding record = {
        .kind = kind_by_link(link),
        .flags = CTT_HOLDING_UNTRACKED,
        .handle = (uint64_t)fd,
        .acquired_ns = CTT_NEVER,
        .last_used_ns = CTT_NEVER,
        .name = dump_string(dump, link),
    };
    if (has_cloexec(dump, fd))
        record.flags |= CTT_HOLDING_CLOEXEC;
    dump_peers(dump, link, &record);
    dump_record(dump, CTT_HOLDING, &record, sizeof record);
}

/* Written inline our own descriptors stand in the program's table. Otherwise
 * their numbers are of another table, and mean nothing here: but the stderr that
 * was kept from being closed is always in the program's. */
static bool is_ours(const struct dump *dump, int fd)
{
    if (fd == terminal_saved())
        return true;
    return !reporter_has_own_fds() && (fd == dump->fd || fd == dump->folder);
}

/* Told only when it agrees with itself: a descriptor opened or closed while we
 * look is in neither list. */
static void tell_fd(struct dump *dump, int fd, uint64_t listed[CTT_KIND_COUNT])
{
    static char link[4096];
    struct holding_copy holding, again;
    char path[FD_PATH];
    bool tracked = fd_read(fd, &holding);
    if ((!tracked && !is_present(dump, fd)) || is_ours(dump, fd))
        return;
    if (tracked && holding.acquired_ns > dump->taken_ns)
        return;
    fd_path(dump, "/fd/", fd, path);
    bool there = sys_readlink(path, link, sizeof link) > 0 ||
                 (is_present(dump, fd) && found_elsewhere(dump, fd, link, sizeof link));
    bool still = fd_read(fd, &again);
    enum ctt_kind_id kind = tracked ? holding.kind : kind_by_link(link);
    if (tracked != still || (tracked && again.live != holding.live) || (!tracked && !there))
        return;
    if (tracked && !(holding.flags & CTT_HOLDING_PART))
        dump_count_live(dump, holding.stack, 1);
    if (listed[kind < CTT_KIND_COUNT ? kind : 0]++ >= (uint64_t)config.max_listed) {
        HEALTH(listing_cut);
        return;
    }
    if (tracked)
        tell_tracked(dump, fd, &holding, there ? link : NULL);
    else
        tell_untracked(dump, fd, link);
}

void dump_fds(struct dump *dump)
{
    uint64_t listed[CTT_KIND_COUNT] = {0};
    int limit = fd_limit();
    dump_peers_begin();
    for (int fd = 0; fd < FD_MAX; fd++) {
        if (fd >= limit && fd % WORD_BITS == 0 && dump->fd_present)
            while (fd < FD_MAX && !dump->fd_present[fd / WORD_BITS])
                fd += WORD_BITS;
        if (fd >= FD_MAX || (fd >= limit && !dump->fd_present))
            break;
        tell_fd(dump, fd, listed);
    }
    dump_peers_end();
}
