/* SPDX-License-Identifier: MIT */
/*
 * What calls by syscall() acquire: entered as by the function of libc's that makes the
 * same call. Rows say what the result is (raw.h); those that close something, or map,
 * have to be looked at before, too, and are written out.
 */
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "preload/hooks/family.h"
#include "preload/hooks/mapping.h"
#include "preload/hooks/raw.h"

long raw_plain(const struct raw_row *row, long number, const long a[6])
{
    (void)row;
    return raw_call(number, a);
}

static void pair_given(const struct call_site *site, const struct raw_row *row, const long a[6],
                       long result)
{
    bool is_pipe = row->kind == CTT_KIND_PIPE;
    descriptors_acquired(&hook_syscall, site, (int)result, (const int *)raw_argument(row->at, a),
                         row->kind, row->detail, is_pipe ? DETAIL_PIPE_WRITE : row->detail);
}

/* As many as the kernel has written, `step` bytes apart. */
static void messages_given(const struct call_site *site, const struct msghdr *first, size_t step,
                           long count)
{
    for (long i = 0; i < count; i++)
        message_received(&hook_syscall, site,
                         (const struct msghdr *)((const char *)first + (size_t)i * step));
}

/* An io_uring that is registered has an index and no descriptor. The kernel has read its
 * parameters, or there is none. */
static bool is_registered_ring(const struct raw_row *row, const long a[6], long result)
{
    const uint32_t flags_at = 2, registered_only = 1u << 15;
    return row->detail == DETAIL_IO_URING && result >= 0 &&
           ((const uint32_t *)a[1])[flags_at] & registered_only;
}

#define BPF_BIT(command) (UINT64_C(1) << (command))
static const uint64_t bpf_gives =
    BPF_BIT(BPF_MAP_CREATE) | BPF_BIT(BPF_PROG_LOAD) | BPF_BIT(BPF_OBJ_GET) |
    BPF_BIT(BPF_PROG_GET_FD_BY_ID) | BPF_BIT(BPF_MAP_GET_FD_BY_ID) |
    BPF_BIT(BPF_RAW_TRACEPOINT_OPEN) | BPF_BIT(BPF_BTF_LOAD) | BPF_BIT(BPF_BTF_GET_FD_BY_ID) |
    BPF_BIT(BPF_LINK_CREATE) | BPF_BIT(BPF_LINK_GET_FD_BY_ID) | BPF_BIT(BPF_ENABLE_STATS) |
    BPF_BIT(BPF_ITER_CREATE) | BPF_BIT(36 /* BPF_TOKEN_CREATE, Linux 6.9 */);

static bool bpf_gives_none(unsigned command)
{
    return command >= 64 || !(bpf_gives >> command & 1);
}

/* fcntl duplicates by some of its commands; signalfd changes what it is given; Landlock
 * tells its version by the call that makes a rule set. */
static bool gives_none(const struct raw_row *row, const long a[6], long result)
{
    switch (row->gives) {
    case GIVES_DESCRIPTOR:
        return is_registered_ring(row, a, result);
    case GIVES_BY_COMMAND:
        return (int)a[1] != F_DUPFD && (int)a[1] != F_DUPFD_CLOEXEC;
    case GIVES_UNLESS_GIVEN:
        return (int)a[0] != -1;
    case GIVES_BY_BPF:
        return bpf_gives_none((unsigned)a[0]);
    case GIVES_UNLESS_ASKED:
        return (unsigned)a[2] != 0;
    }
    return false;
}

void raw_given(const struct call_site *site, const struct raw_row *row, const long a[6],
               long result)
{
    if (gives_none(row, a, result))
        return;
    switch (row->gives) {
    case GIVES_DESCRIPTOR:
    case GIVES_UNLESS_GIVEN:
    case GIVES_BY_BPF:
    case GIVES_UNLESS_ASKED:
        descriptor_acquired(&hook_syscall, site, (int)result, row->kind, row->detail);
        break;
    case GIVES_COPY:
    case GIVES_BY_COMMAND:
        duplicate_acquired(&hook_syscall, site, (int)a[0], (int)result);
        break;
    case GIVES_PAIR:
        pair_given(site, row, a, result);
        break;
    case GIVES_MESSAGE:
        messages_given(site, (const struct msghdr *)raw_argument(row->at, a), sizeof(struct msghdr),
                       result >= 0);
        break;
    case GIVES_MESSAGES:
        messages_given(site, (const struct msghdr *)raw_argument(row->at, a),
                       sizeof(struct mmsghdr), result);
        break;
    }
}

/* ---- what closes ---- */

static long close_one(const struct call_site *site, const long a[6])
{
    struct fd_release release;
    fd_releasing(&release, &hook_syscall, site, (int)a[0]);
    long result = raw_call(SYS_close, a);
    fd_released(&release, result);
    return result;
}

static long replace_one(const struct call_site *site, long number, const long a[6])
{
    struct fd_release release;
    if ((int)a[0] == (int)a[1])
        return raw_call(number, a);
    fd_replacing(&release, &hook_syscall, site, (int)a[1]);
    long result = raw_call(number, a);
    fd_replaced(&release, (int)a[0], (int)result);
    return result;
}

/* Taken out before, since nothing tells afterwards what there was; so only where the
 * call cannot fail. */
static long close_many(const struct call_site *site, const long a[6])
{
    unsigned first = (unsigned)a[0], last = (unsigned)a[1];
    if (first <= last && close_range_works((int)a[2]))
        fds_releasing(&hook_syscall, site, first, last);
    return raw_call(SYS_close_range, a);
}

/* ---- what maps ---- */

static long map(const long a[6])
{
    return raw_call(SYS_mmap, a);
}

static long unmap(const long a[6])
{
    return raw_call(SYS_munmap, a);
}

static long remap(const long a[6])
{
    return raw_call(SYS_mremap, a);
}

long raw_entered(const struct call_site *site, long number, const long a[6])
{
    switch (number) {
    case SYS_close:
        return close_one(site, a);
    case SYS_close_range:
        return close_many(site, a);
    case SYS_mmap:
        return map_watched(&hook_syscall, site, map, a);
    case SYS_munmap:
        return unmap_watched(&hook_syscall, site, unmap, a);
    case SYS_mremap:
        return remap_watched(&hook_syscall, site, remap, a);
    default:
        return replace_one(site, number, a);
    }
}
