/* SPDX-License-Identifier: MIT */
#include "preload/outlets/reach_pages.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "preload/ground/sys.h"

#define LARGE_BYTES (UINT64_C(256) << 10)
#define ENTRIES     512u                /* asked for at once */
#define PRESENT     (UINT64_C(3) << 62) /* in memory, or swapped out */

static uint32_t of_parent;
static int own_map = -1, parent_map = -1;

static int open_map(uint32_t pid)
{
    char path[64];
    struct text text = TEXT_OF(path);
    text_add(&text, "/proc/");
    text_add_u64(&text, pid);
    text_add(&text, "/pagemap");
    return sys_open(path, O_RDONLY, 0);
}

void pages_begin(uint32_t parent)
{
    of_parent = parent;
    own_map = open_map((uint32_t)sys_getpid());
    parent_map = open_map(parent);
}

/* How many entries from `page` on were read; 0: the kernel does not tell. */
static uint32_t ask(int map, uintptr_t page, uintptr_t last, uint64_t entries[ENTRIES])
{
    uint64_t count = last - page < ENTRIES ? last - page : ENTRIES;
    long n = map < 0 ? -1
                     : sys_call(SYS_pread64, map, (long)entries, (long)(count * sizeof *entries),
                                (long)(page * sizeof *entries), 0, 0);
    return n <= 0 ? 0 : (uint32_t)((uint64_t)n / sizeof *entries);
}

/* Runs of pages that are there, cut to [start, end). */
static void each_run(int map, uintptr_t start, uintptr_t end,
                     void (*each)(uintptr_t start, uintptr_t end))
{
    uint64_t entries[ENTRIES];
    uintptr_t page = start / PAGES_BYTES, last = (end + PAGES_BYTES - 1) / PAGES_BYTES;
    uintptr_t run = 0; /* where it began, or 0 */
    while (page < last) {
        uint32_t count = ask(map, page, last, entries);
        if (count == 0)
            break;
        for (uint32_t i = 0; i < count; i++, page++) {
            uintptr_t at = page * PAGES_BYTES;
            if (entries[i] & PRESENT) {
                run = run ? run : at < start ? start : at;
            } else if (run) {
                each(run, at);
                run = 0;
            }
        }
    }
    uintptr_t asked = page * PAGES_BYTES;
    if (run)
        each(run, page < last ? asked : end);
    /* Not told of: of our own copy there is no harm in looking. */
    if (page < last && map == own_map)
        each(asked < start ? start : asked, end);
}

void pages_present(uintptr_t start, uintptr_t end, void (*each)(uintptr_t start, uintptr_t end))
{
    if (end - start < LARGE_BYTES || own_map < 0)
        each(start, end);
    else
        each_run(own_map, start, end, each);
}

/* ---- by copies ---- */

static void (*give_words)(const uintptr_t *words, size_t count, uintptr_t at);
static uint32_t peeked; /* the process */

static void peek(uintptr_t start, uintptr_t end)
{
    static uintptr_t copy[PAGES_BYTES / sizeof(uintptr_t)];
    for (uintptr_t at = start; at < end;) {
        uintptr_t next = (at / PAGES_BYTES + 1) * PAGES_BYTES;
        struct iovec to = {copy, (next < end ? next : end) - at}, from = {(void *)at, to.iov_len};
        long n = sys_call(SYS_process_vm_readv, peeked, (long)&to, 1, (long)&from, 1, 0);
        if (n > 0)
            give_words(copy, (size_t)n / sizeof *copy, at);
        at = next;
    }
}

void pages_peek(uintptr_t start, uintptr_t end, bool is_shared,
                void (*words)(const uintptr_t *words, size_t count, uintptr_t at))
{
    give_words = words;
    peeked = is_shared ? of_parent : (uint32_t)sys_getpid();
    if (is_shared && parent_map >= 0)
        each_run(parent_map, start, end, peek);
    else if (!is_shared)
        peek(start, end);
}
