/* SPDX-License-Identifier: MIT */
#include "preload/outlets/reach_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "preload/ground/sys.h"

#define LARGE_BYTES (UINT64_C(256) << 10)
#define ENTRIES     4096u /* asked for at once */
#define PRESENT     (UINT64_C(1) << 63)
#define SWAPPED     (UINT64_C(1) << 62)
#define OF_FILE     (UINT64_C(1) << 61) /* or shared */

static int map = -1;

void pages_begin(void)
{
    map = sys_open("/proc/self/pagemap", O_RDONLY, 0);
}

/* ---- in runs ---- */

/* linux/fs.h has these from 6.7 on. */
struct scan_region {
    uint64_t start, end, categories;
};
struct scan {
    uint64_t size, flags, start, end, walk_end, regions, region_count, max_pages;
    uint64_t inverted, mask, any_of, returned;
};
#define SCAN_REQUEST _IOWR('f', 16, struct scan)
#define SCAN_FILE    (UINT64_C(1) << 2)
#define SCAN_PRESENT (UINT64_C(1) << 3)
#define SCAN_SWAPPED (UINT64_C(1) << 4)
#define REGIONS      64u

/* Up to where was told; `start`: nothing. */
static uintptr_t scan_runs(uintptr_t start, uintptr_t end, bool own_only, pages_run *each)
{
    struct scan_region regions[REGIONS];
    uintptr_t first = start & ~(uintptr_t)(PAGES_BYTES - 1);
    uintptr_t last = (end + PAGES_BYTES - 1) & ~(uintptr_t)(PAGES_BYTES - 1);
    for (uintptr_t at = first; at < last;) {
        struct scan scan = {.size = sizeof scan,
                            .start = at,
                            .end = last,
                            .regions = (uint64_t)(uintptr_t)regions,
                            .region_count = REGIONS,
                            .inverted = own_only ? SCAN_FILE : 0,
                            .mask = own_only ? SCAN_FILE : 0,
                            .any_of = SCAN_PRESENT | SCAN_SWAPPED,
                            .returned = SCAN_PRESENT};
        long count =
            map < 0 ? -EBADF : sys_call(SYS_ioctl, map, SCAN_REQUEST, (long)&scan, 0, 0, 0);
        if (count < 0 || scan.walk_end <= at)
            return at < start ? start : at;
        for (long i = 0; i < count; i++)
            each(regions[i].start > start ? regions[i].start : start,
                 regions[i].end < end ? regions[i].end : end);
        at = scan.walk_end;
    }
    return end;
}

/* ---- page by page ---- */

static uint32_t ask(uintptr_t page, uintptr_t last, uint64_t entries[ENTRIES])
{
    uint64_t count = last - page < ENTRIES ? last - page : ENTRIES;
    long n = map < 0 ? -1
                     : sys_call(SYS_pread64, map, (long)entries, (long)(count * sizeof *entries),
                                (long)(page * sizeof *entries), 0, 0);
    return n <= 0 ? 0 : (uint32_t)((uint64_t)n / sizeof *entries);
}

static bool is_wanted(uint64_t entry, bool own_only)
{
    return (entry & (PRESENT | SWAPPED)) && !(own_only && (entry & OF_FILE));
}

static uintptr_t list_runs(uintptr_t start, uintptr_t end, bool own_only, pages_run *each)
{
    static uint64_t entries[ENTRIES];
    uintptr_t page = start / PAGES_BYTES, last = (end + PAGES_BYTES - 1) / PAGES_BYTES;
    uintptr_t run = 0; /* where it began, or 0 */
    while (page < last) {
        uint32_t count = ask(page, last, entries);
        if (count == 0)
            break;
        for (uint32_t i = 0; i < count; i++, page++) {
            uintptr_t at = page * PAGES_BYTES;
            if (is_wanted(entries[i], own_only)) {
                run = run ? run : at < start ? start : at;
            } else if (run) {
                each(run, at);
                run = 0;
            }
        }
    }
    uintptr_t told = page < last ? page * PAGES_BYTES : end;
    if (run)
        each(run, told);
    return told < start ? start : told;
}

static uintptr_t each_run(uintptr_t start, uintptr_t end, bool own_only, pages_run *each)
{
    uintptr_t told = scan_runs(start, end, own_only, each);
    return told < end ? list_runs(told, end, own_only, each) : end;
}

void pages_present(uintptr_t start, uintptr_t end, pages_run *each)
{
    uintptr_t told = start;
    if (end - start >= LARGE_BYTES)
        told = each_run(start, end, false, each);
    if (told < end)
        each(told, end);
}

static bool any;
static void note_any(uintptr_t start, uintptr_t end)
{
    any |= start < end;
}

bool pages_any(uintptr_t start, uintptr_t end)
{
    any = false;
    each_run(start, end, false, note_any);
    return any;
}

bool pages_own(uintptr_t start, uintptr_t end, pages_run *each)
{
    return each_run(start, end, true, each) > start;
}

/* ---- by copies ---- */

void pages_peek(uintptr_t start, uintptr_t end,
                void (*words)(const uintptr_t *words, size_t count, uintptr_t at))
{
    static uintptr_t copy[PAGES_BYTES / sizeof(uintptr_t)];
    long pid = sys_getpid();
    for (uintptr_t at = start; at < end;) {
        uintptr_t next = (at / PAGES_BYTES + 1) * PAGES_BYTES;
        struct iovec to = {copy, (next < end ? next : end) - at}, from = {(void *)at, to.iov_len};
        long n = sys_call(SYS_process_vm_readv, pid, (long)&to, 1, (long)&from, 1, 0);
        if (n > 0)
            words(copy, (size_t)n / sizeof *copy, at);
        at = next;
    }
}

void pages_shared(uintptr_t start, uintptr_t end,
                  void (*words)(const uintptr_t *words, size_t count, uintptr_t at))
{
    static unsigned char there[ENTRIES];
    uintptr_t page = start & ~(uintptr_t)(PAGES_BYTES - 1);
    while (page < end) {
        uintptr_t bytes = end - page < ENTRIES * PAGES_BYTES ? end - page : ENTRIES * PAGES_BYTES;
        uintptr_t count = (bytes + PAGES_BYTES - 1) / PAGES_BYTES;
        if (sys_call(SYS_mincore, (long)page, (long)(count * PAGES_BYTES), (long)there, 0, 0, 0) <
            0)
            return;
        for (uintptr_t i = 0; i < count; i++) {
            uintptr_t low = page + i * PAGES_BYTES, high = low + PAGES_BYTES;
            if (there[i] & 1)
                pages_peek(low > start ? low : start, high < end ? high : end, words);
        }
        page += count * PAGES_BYTES;
    }
}
