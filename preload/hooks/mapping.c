/* SPDX-License-Identifier: MIT */
/*
 * Mappings that the program makes itself, by interval (books/ranges.h).
 *
 * What a fixed mapping lies over is given back by the same call. mremap is like
 * realloc: what it gives is acquired where it was called. libc's and the loader's own
 * mappings do not come here, and a thread's stack is the thread's. By syscall() they do
 * (raw_books.c), with another call in the middle of the same.
 */
#include <errno.h>
#include <stdarg.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include "preload/books/failure.h"
#include "preload/books/ranges.h"
#include "preload/facts/releases.h"
#include "preload/ground/confine.h"
#include "preload/ground/sys.h"
#include "preload/hooks/family.h"
#include "preload/hooks/mapping.h"

#define FAILED          ((long)MAP_FAILED)
#define PAGE_BYTES      UINT64_C(4096)
#define GAPS_BYTES      (PAGE_BYTES << 12) /* larger ones are not looked through */
#define HUGE_SHIFT_MASK 63
#define HUGE_STANDARD   21 /* MAP_HUGETLB without a size: 2 MiB */

static uintptr_t round_up(uintptr_t value, uintptr_t unit)
{
    return (value + unit - 1) & ~(unit - 1);
}

/* What is not gives EINVAL, before anything is done. */
static bool is_aligned(const void *start)
{
    return ((uintptr_t)start & (PAGE_BYTES - 1)) == 0;
}

static uintptr_t unit_of(int flags)
{
    unsigned shift = (unsigned)flags >> MAP_HUGE_SHIFT & HUGE_SHIFT_MASK;
    if (!(flags & MAP_HUGETLB))
        return PAGE_BYTES;
    return (uintptr_t)1 << (shift ? shift : HUGE_STANDARD);
}

/* `owner`: the address at which a segment is attached, of which this is a part. */
static void mapping_enter(uint32_t stack, enum holding_detail detail, uint64_t owner,
                          const void *start, uintptr_t bytes)
{
    struct holding_copy holding =
        holding_now(CTT_KIND_MAPPING, detail, (uint64_t)(uintptr_t)start, stack);
    holding.bytes = bytes;
    holding.owner = owner;
    family_tally(stack, CTT_KIND_MAPPING);
    range_enter(&holding);
}

static void gone(const struct holding_copy *was, void *stack)
{
    release_note(was, *(const uint32_t *)stack);
}

/* Asked before the real call: afterwards a part of the stack may not be there. */
static uint32_t stack_of_cut(const struct range_cut *cut, struct hook *hook,
                             const struct call_site *site)
{
    return cut->first ? family_stack(hook, site) : STACK_NONE;
}

/* What was cut off is no longer mapped. */
static void given_back(struct range_cut *cut, uint32_t stack)
{
    range_give_back(cut, gone, &stack);
}

/* A call that fails may have unmapped what it was to lie over, or a part of what it was
 * to move: the kernel is asked. */
static bool is_mapped(uintptr_t start, uintptr_t bytes)
{
    const long a[6] = {(long)start, (long)bytes, MS_ASYNC}; /* does nothing, but look */
    if (confined() && confine_refuses(SYS_msync, a))
        return true;
    return sys_call(SYS_msync, a[0], a[1], a[2], 0, 0, 0) != -ENOMEM;
}

/* ---- mmap, munmap ---- */

static void mapping_failed(struct hook *hook, const struct call_site *site, size_t bytes, int flags,
                           int fd)
{
    uint32_t stack = family_stack(hook, site);
    if (!(flags & MAP_ANONYMOUS))
        fd_missing(hook, site, fd);
    failure_keep(
        FAILURE_POINTER,
        (struct room_failure){.stack = stack, .kind = CTT_KIND_MAPPING, .error = (uint32_t)errno});
    if (errno == ENOMEM && bytes < BYTES_IMPOSSIBLE)
        limit_hit(stack, CTT_KIND_MAPPING, ENOMEM, bytes);
}

/* `bytes` as the kernel rounds them. */
static void mapped(struct hook *hook, const struct call_site *site, const void *result,
                   size_t bytes, int flags)
{
    enum holding_detail detail = flags & MAP_ANONYMOUS ? DETAIL_ANONYMOUS : DETAIL_FILE;
    mapping_enter(family_stack(hook, site), detail, 0, result, round_up(bytes, unit_of(flags)));
}

long map_watched(struct hook *hook, const struct call_site *site, mapping_call *call,
                 const long a[6])
{
    void *wanted = (void *)a[0];
    size_t bytes = (size_t)a[1];
    int flags = (int)a[3];
    struct range_cut cut = {0};
    if (flags & MAP_FIXED && is_aligned(wanted))
        range_cut(&cut, (uintptr_t)wanted, (uintptr_t)wanted + round_up(bytes, unit_of(flags)));
    uint32_t stack = stack_of_cut(&cut, hook, site);
    long result = call(a);
    int error = errno;
    if (result == FAILED)
        range_uncut_if(&cut, is_mapped, PAGE_BYTES);
    else
        given_back(&cut, stack);
    errno = error;
    if (result == FAILED)
        mapping_failed(hook, site, bytes, flags, (int)a[4]);
    else
        mapped(hook, site, (void *)result, bytes, flags);
    return result;
}

#define MAPS(function, offset_type)                                                                \
    HOOK(function);                                                                                \
    static long real_##function(const long a[6])                                                   \
    {                                                                                              \
        return (long)REAL(function)((void *)a[0], (size_t)a[1], (int)a[2], (int)a[3], (int)a[4],   \
                                    (offset_type)a[5]);                                            \
    }                                                                                              \
    HOOK_EXPORT void *function(void *wanted, size_t bytes, int protection, int flags, int fd,      \
                               offset_type offset)                                                 \
    {                                                                                              \
        if (!guard_may_record(GUARD_FRAME()))                                                      \
            return REAL(function)(wanted, bytes, protection, flags, fd, offset);                   \
        struct call_site site = CALL_SITE();                                                       \
        const long a[6] = {(long)wanted, (long)bytes, protection, flags, fd, offset};              \
        return (void *)map_watched(&hook_##function, &site, real_##function, a);                   \
    }

MAPS(mmap, off_t)
MAPS(mmap64, off64_t)

long unmap_watched(struct hook *hook, const struct call_site *site, mapping_call *call,
                   const long a[6])
{
    uintptr_t start = (uintptr_t)a[0];
    struct range_cut cut = {0};
    if (is_aligned((void *)start))
        range_cut(&cut, start, start + round_up((size_t)a[1], PAGE_BYTES));
    uint32_t stack = stack_of_cut(&cut, hook, site);
    long result = call(a);
    if (result < 0)
        range_uncut(&cut);
    else
        given_back(&cut, stack);
    return result;
}

HOOK(munmap);
static long real_munmap(const long a[6])
{
    return REAL(munmap)((void *)a[0], (size_t)a[1]);
}

HOOK_EXPORT int munmap(void *start, size_t bytes)
{
    if (!is_aligned(start) || !guard_may_record(GUARD_FRAME()))
        return REAL(munmap)(start, bytes);
    struct call_site site = CALL_SITE();
    const long a[6] = {(long)start, (long)bytes};
    return (int)unmap_watched(&hook_munmap, &site, real_munmap, a);
}

/* ---- mremap ---- */

/* Of the mapping that `old` is in, when it is `result` by now. */
struct moved {
    enum holding_detail detail;
    uint64_t owner;
};

static struct moved moved_from(const void *old)
{
    struct holding_copy was;
    if (!range_read((uintptr_t)old, &was))
        return (struct moved){DETAIL_NONE, 0};
    return (struct moved){(enum holding_detail)was.detail, was.owner};
}

/* Linux 6.17 moves several mappings at once, and the gaps between them. */
static void gaps_cut(uintptr_t start, uintptr_t bytes)
{
    if (bytes > GAPS_BYTES || is_mapped(start, bytes))
        return;
    for (uintptr_t page = start; page < start + bytes; page += PAGE_BYTES) {
        struct range_cut gap;
        if (is_mapped(page, PAGE_BYTES))
            continue;
        range_cut(&gap, page, page + PAGE_BYTES);
        range_forget(&gap);
    }
}

/* Smaller, and in its place: the tail is given back, and what is left keeps its facts. */
static long shrink(struct hook *hook, const struct call_site *site, mapping_call *call,
                   const long a[6])
{
    uintptr_t old = (uintptr_t)a[0];
    struct range_cut tail;
    range_cut(&tail, old + round_up((size_t)a[2], PAGE_BYTES),
              old + round_up((size_t)a[1], PAGE_BYTES));
    uint32_t stack = stack_of_cut(&tail, hook, site);
    long result = call(a);
    int error = errno;
    if (result == FAILED)
        range_uncut_if(&tail, is_mapped, PAGE_BYTES);
    else
        given_back(&tail, stack);
    errno = error;
    return result;
}

/* With an old size of 0 a shared mapping is made once more, and with DONTUNMAP the old
 * addresses stay mapped: then nothing of the old is given back. */
static long move(struct hook *hook, const struct call_site *site, mapping_call *call,
                 const long a[6])
{
    uintptr_t old = (uintptr_t)a[0], wanted = (uintptr_t)a[4];
    struct moved was = moved_from((void *)old);
    struct range_cut left = {0}, covered = {0};
    uintptr_t rounded = round_up((size_t)a[2], PAGE_BYTES);
    if (!(a[3] & MREMAP_DONTUNMAP))
        range_cut(&left, old, old + round_up((size_t)a[1], PAGE_BYTES));
    if (a[3] & MREMAP_FIXED)
        range_cut(&covered, wanted, wanted + rounded);
    uint32_t stack = family_stack(hook, site);
    long result = call(a);
    int error = errno;
    if (result == FAILED) {
        range_uncut_if(&covered, is_mapped, PAGE_BYTES);
        range_uncut_if(&left, is_mapped, PAGE_BYTES);
        errno = error;
        return result;
    }
    given_back(&covered, stack);
    given_back(&left, stack);
    uint64_t owner = was.owner ? was.owner + ((uintptr_t)result - old) : 0;
    mapping_enter(stack, was.detail, owner, (void *)result, rounded);
    if (a[3] & MREMAP_FIXED)
        gaps_cut((uintptr_t)result, rounded);
    errno = error;
    return result;
}

/* The address that is wanted counts for some flags alone, and what stands in its place
 * may be anything. */
long remap_watched(struct hook *hook, const struct call_site *site, mapping_call *call,
                   const long a[6])
{
    bool takes_wanted = a[3] & (MREMAP_FIXED | MREMAP_DONTUNMAP);
    if (!is_aligned((void *)a[0]) || (takes_wanted && !is_aligned((void *)a[4])))
        return call(a);
    if (!takes_wanted && a[2] &&
        round_up((size_t)a[2], PAGE_BYTES) <= round_up((size_t)a[1], PAGE_BYTES))
        return shrink(hook, site, call, a);
    return move(hook, site, call, a);
}

HOOK(mremap);
static long real_mremap(const long a[6])
{
    return (long)REAL(mremap)((void *)a[0], (size_t)a[1], (size_t)a[2], (int)a[3], (void *)a[4]);
}

HOOK_EXPORT void *mremap(void *old, size_t old_bytes, size_t bytes, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    void *wanted = flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) ? va_arg(more, void *) : NULL;
    va_end(more);
    if (!guard_may_record(GUARD_FRAME()))
        return REAL(mremap)(old, old_bytes, bytes, flags, wanted);
    struct call_site site = CALL_SITE();
    const long a[6] = {(long)old, (long)old_bytes, (long)bytes, flags, (long)wanted};
    return (void *)remap_watched(&hook_mremap, &site, real_mremap, a);
}

/* ---- System V shared memory, attached ---- */

static uintptr_t segment_bytes(int id)
{
    struct shmid_ds facts;
    long result = sys_call(SYS_shmctl, id, IPC_STAT, (long)&facts, 0, 0, 0);
    return result < 0 ? 0 : round_up(facts.shm_segsz, PAGE_BYTES);
}

HOOK(shmat);
HOOK_EXPORT void *shmat(int id, const void *wanted, int flags)
{
    void *result = REAL(shmat)(id, wanted, flags);
    if (result == (void *)-1 || !guard_may_record(GUARD_FRAME()))
        return result;
    int error = errno;
    struct call_site site = CALL_SITE();
    uintptr_t bytes = segment_bytes(id);
    if (bytes)
        mapping_enter(family_stack(&hook_shmat, &site), DETAIL_SYSV, (uintptr_t)result, result,
                      bytes);
    errno = error;
    return result;
}

/* What is left of the attachment, wherever it was cut. */
HOOK(shmdt);
HOOK_EXPORT int shmdt(const void *start)
{
    if (!start || !guard_may_record(GUARD_FRAME()))
        return REAL(shmdt)(start);
    struct call_site site = CALL_SITE();
    struct range_cut cut;
    range_cut_owned(&cut, (uintptr_t)start);
    uint32_t stack = stack_of_cut(&cut, &hook_shmdt, &site);
    int result = REAL(shmdt)(start);
    if (result < 0)
        range_uncut(&cut);
    else
        given_back(&cut, stack);
    return result;
}
