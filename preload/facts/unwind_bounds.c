/* SPDX-License-Identifier: MIT */
#include "preload/facts/unwind_bounds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "preload/facts/unwind.h"
#include "preload/ground/sys.h"

#define MAPS_BUFFER 256u

/* The main stack grows: what lies this far below its end belongs to it, though
 * it may not be there yet. The kernel keeps other mappings at least 128 MiB
 * away (mmap_base in arch/x86/mm/mmap.c). */
#define STACK_GROWTH (UINT64_C(64) << 20)
#define STACK_NAME   "[stack]"

/* A stack that is not the thread's own is looked at page by page, as far as a
 * walk comes; a frame larger than this is taken for a wrong rule. */
#define PAGE_BYTES  UINT64_C(4096)
#define REACH_BYTES (UINT64_C(1) << 20)

#define MASK_BYTES 8 /* of a signal mask, to the kernel */

/* A range whose low end lies above every address holds nothing. */
#define NOWHERE UINTPTR_MAX

static bool range_holds(const struct room_range *range, uintptr_t sp)
{
    return sp >= range->low && sp < range->high;
}

static bool range_same(const struct room_range *a, const struct room_range *b)
{
    return a->low == b->low && a->high == b->high;
}

/* A handler on this thread may read the range between any two of these stores:
 * until the last one it holds nothing. */
static void range_set(struct room_range *range, struct room_range value)
{
    volatile struct room_range *to = range;
    to->low = NOWHERE;
    atomic_signal_fence(memory_order_seq_cst);
    to->high = value.high;
    atomic_signal_fence(memory_order_seq_cst);
    to->low = value.low;
}

void unwind_set_bounds(struct stack_bounds bounds)
{
    struct thread_room *room = room_get();
    if (room)
        range_set(&room->own_stack, (struct room_range){bounds.low, bounds.high});
}

/* Asking for one mapping (linux 6.11, PROCMAP_QUERY): a coroutine program
 * changes stacks all the time, and may have thousands of mappings. */
struct map_query {
    uint64_t size, flags, address;
    uint64_t start, end, vma_flags, page_size, offset, inode;
    uint32_t major, minor, name_size, build_id_size;
    uint64_t name, build_id;
};
#define MAP_QUERY          _IOWR('f', 17, struct map_query)
#define MAP_QUERY_READABLE 1u

static bool map_ask(int fd, uintptr_t sp, struct room_range *ret_range, bool *ret_main)
{
    char name[sizeof STACK_NAME];
    struct map_query query = {
        .size = sizeof query,
        .flags = MAP_QUERY_READABLE,
        .address = sp,
        .name_size = sizeof name,
        .name = (uintptr_t)name,
    };
    name[0] = '\0';
    long r = sys_call(SYS_ioctl, fd, (long)MAP_QUERY, (long)&query, 0, 0, 0);
    /* A longer name than "[stack]" is no stack of ours to know, and is refused
     * as too long: ask again without. */
    if (r != 0) {
        query.name_size = 0;
        query.name = 0;
        r = sys_call(SYS_ioctl, fd, (long)MAP_QUERY, (long)&query, 0, 0, 0);
    }
    if (r != 0)
        return false;
    *ret_range = (struct room_range){query.start, query.end};
    *ret_main = query.name_size == sizeof name && __builtin_memcmp(name, STACK_NAME, 8) == 0;
    return true;
}

/* /proc/self/maps as text, a character at a time. */
struct maps {
    int fd;
    bool ended;
    unsigned at, used;
    char buffer[MAPS_BUFFER];
};

static char maps_next(struct maps *maps)
{
    if (maps->at == maps->used) {
        ssize_t n = maps->ended ? 0 : sys_read(maps->fd, maps->buffer, sizeof maps->buffer);
        maps->ended = n <= 0;
        maps->at = 0;
        maps->used = maps->ended ? 0 : (unsigned)n;
        if (maps->ended)
            return '\n';
    }
    return maps->buffer[maps->at++];
}

static uintptr_t maps_hex(struct maps *maps)
{
    uintptr_t value = 0;
    for (;;) {
        char c = maps_next(maps);
        if (c >= '0' && c <= '9')
            value = value * 16 + (uintptr_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value * 16 + (uintptr_t)(c - 'a' + 10);
        else
            return value;
    }
}

/* Reads on to the line's end; whether it ended in "[stack]". */
static bool maps_line_is_main(struct maps *maps)
{
    const char *name = STACK_NAME;
    unsigned matched = 0;
    for (char c; (c = maps_next(maps)) != '\n';) {
        if (c == name[0])
            matched = 1;
        else
            matched = matched && c == name[matched] ? matched + 1 : 0;
    }
    return matched == sizeof STACK_NAME - 1;
}

static bool maps_search(int fd, uintptr_t sp, struct room_range *ret_range, bool *ret_main)
{
    struct maps maps;
    maps.fd = fd;
    maps.ended = false;
    maps.at = maps.used = 0;
    while (!maps.ended) {
        uintptr_t low = maps_hex(&maps);
        uintptr_t high = maps_hex(&maps);
        bool readable = maps_next(&maps) == 'r';
        bool main_stack = maps_line_is_main(&maps);
        if (sp >= low && sp < high) {
            *ret_range = (struct room_range){low, high};
            *ret_main = main_stack;
            return readable;
        }
    }
    return false;
}

/* Asked to take a signal mask from a page that it cannot read, the kernel says
 * so; from one that it can, it goes on to find that what it should do with the
 * mask is nothing it knows. No descriptor: it would take a number that another
 * thread's open expects. A fifth of what process_vm_readv costs for a page. */
static bool page_is_readable(uintptr_t page)
{
    return sys_call(SYS_rt_sigprocmask, -1, (long)page, 0, MASK_BYTES, 0, 0) == -EINVAL;
}

static uintptr_t page_of(uintptr_t at)
{
    return at & ~(PAGE_BYTES - 1);
}

/* The page of `sp`, and that of its red zone; a walk that comes to the end asks
 * for more. */
static bool bounds_probe(uintptr_t sp, struct room_range *ret_range)
{
    uintptr_t page = page_of(sp), low = page_of(sp - RED_ZONE);
    *ret_range = (struct room_range){low, page + PAGE_BYTES};
    if (low != page && !page_is_readable(low))
        ret_range->low = page;
    return page_is_readable(page);
}

bool bounds_reach(struct room_range *range, uintptr_t at)
{
    struct thread_room *room = room_get();
    if (!room || range->high == range->low || range->high == room->own_stack.high ||
        at < range->high || at - range->high >= REACH_BYTES)
        return false;
    bool kept = range_same(range, &room->other_stack);
    uintptr_t high = range->high;
    while (high <= at && page_is_readable(high))
        high += PAGE_BYTES;
    range->high = high;
    if (kept && !room->walking[1])
        range_set(&room->other_stack, *range);
    return high > at;
}

static bool bounds_look_up(uintptr_t sp, struct room_range *ret_bounds)
{
    int fd = sys_open("/proc/thread-self/maps", O_RDONLY, 0);
    if (fd < 0)
        return false;
    struct room_range range;
    bool main_stack = false;
    bool found = map_ask(fd, sp, &range, &main_stack) || maps_search(fd, sp, &range, &main_stack);
    sys_close(fd);
    if (!found)
        return false;
    if (main_stack && range.high > STACK_GROWTH && range.high - STACK_GROWTH < range.low)
        range.low = range.high - STACK_GROWTH;
    *ret_bounds = range;
    return true;
}

bool bounds_find_other(uintptr_t sp, struct room_range *ret_bounds)
{
    struct thread_room *room = room_get();
    /* The stack that was here may be gone, and a smaller one be in its place:
     * what lies further out than this page is asked for anew, too. Only where
     * the kernel does not answer is the last answer believed. */
    if (room && range_holds(&room->other_stack, sp)) {
        struct room_range kept = room->other_stack;
        if (!bounds_probe(sp, ret_bounds)) {
            *ret_bounds = kept;
            return true;
        }
        if (ret_bounds->low <= sp - RED_ZONE && kept.low < ret_bounds->low)
            ret_bounds->low = kept.low;
        if (!room->walking[1])
            range_set(&room->other_stack, *ret_bounds);
        return true;
    }
    /* A thread's own stack is asked for once. The others are a signal's or a
     * coroutine's, of which there may be thousands. */
    bool is_own = !room || room->own_stack.high == 0;
    if ((is_own || !bounds_probe(sp, ret_bounds)) && !bounds_look_up(sp, ret_bounds))
        return false;
    /* A capture that interrupted another one leaves the room as it is. */
    if (room && !room->walking[1])
        range_set(is_own ? &room->own_stack : &room->other_stack, *ret_bounds);
    return true;
}
