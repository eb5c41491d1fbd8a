/* SPDX-License-Identifier: MIT */
#include "preload/outlets/reach_roots.h"

#include <dlfcn.h>
#include <elf.h>
#include <pthread.h>
#include <stdio.h>

#include "preload/books/keytable.h"
#include "preload/facts/context.h"
#include "preload/facts/module.h"
#include "preload/facts/roots.h"
#include "preload/facts/task.h"
#include "preload/ground/arena.h"
#include "preload/ground/mirror.h"
#include "preload/ground/sys.h"
#include "preload/outlets/reach_areas.h"
#include "preload/outlets/reach_index.h"
#include "preload/outlets/reach_kernel.h"
#include "preload/outlets/reach_mark.h"
#include "preload/outlets/reach_pages.h"
#include "preload/outlets/reach_stacks.h"

#define SEGMENTS_MAX  64u
#define TLS_FALLBACK  4096u
#define PTHREAD_BYTES 4096u /* libc's struct pthread, with room to spare */
#define WORDS         512u
#define CHUNK_FLAGS   ((uintptr_t)7)

extern const char __ehdr_start[] __attribute__((visibility("hidden"))); /* our own image */

static uintptr_t first_thread; /* pthread_self() of the first one */
static size_t tls_bytes;       /* what lies below it */
static uintptr_t self_offset;  /* of `self`, from any thread's pthread_self() */

void roots_start(void)
{
    void (*ask)(size_t * bytes, size_t * alignment) = NULL;
    size_t alignment;
    *(void **)&ask = dlsym(RTLD_DEFAULT, "_dl_get_tls_static_info");
    tls_bytes = TLS_FALLBACK;
    if (ask)
        ask(&tls_bytes, &alignment);
    first_thread = (uintptr_t)pthread_self();
    self_offset = (uintptr_t)&self - first_thread;
}

const struct thread_self *roots_self_of(const struct task *task)
{
    uintptr_t thread = atomic_load(&task->pthread);
    if (!thread && (atomic_load(&task->flags) & CTT_TASK_MAIN))
        thread = first_thread;
    uintptr_t at = thread + self_offset;
    bool is_there = thread && areas_readable(at, at + sizeof(struct thread_self));
    return is_there ? (const struct thread_self *)at : NULL;
}

/* ---- memory, by what it is of ---- */

static void copied(const uintptr_t *words, size_t count, uintptr_t at)
{
    (void)at;
    mark_words(words, count);
}

static void mark_part(uintptr_t start, uintptr_t end, const struct area *area)
{
    if (area->flags & MAPS_SHARED)
        pages_shared(start, end, copied);
    else if (!(area->flags & AREA_FILE))
        mark_memory(start, end);
    else if (!pages_own(start, end, mark_memory) && (area->flags & MAPS_WRITE))
        pages_peek(start, end, copied);
}

/* ---- data of modules ---- */

static uintptr_t libc_start, libc_end;

static void libc_find(void)
{
    for (uint32_t id = 1; id < module_limit(); id++) {
        const struct module *module = module_get(id);
        if (module && (module->flags & CTT_MODULE_LIBC)) {
            libc_start = module->start;
            libc_end = module->end;
        }
    }
}

/* glibc's bins name free chunks by where the size of the block before them may end. And
 * it has lists of all streams, and of those of popen, which do not count; where it keeps
 * a stream because it is in use are three places of well-known names. */
static bool is_of_libc(uintptr_t word, uintptr_t at)
{
    uint32_t i = index_find(word);
    if (i == INDEX_NONE || (reach_index.items[i].marks & MARK_UNREADABLE))
        return false;
    if (reach_index.items[i].address == word && (reach_index.items[i].marks & MARK_STREAM))
        return at != (uintptr_t)&stdin && at != (uintptr_t)&stdout && at != (uintptr_t)&stderr;
    if (ledger_granule() != LEDGER_GRANULE_GLIBC)
        return false;
    const uintptr_t *block = (const uintptr_t *)(uintptr_t)reach_index.items[i].address;
    return word == (uintptr_t)(block - 2) + (block[-1] & ~CHUNK_FLAGS);
}

static void copied_from_libc(const uintptr_t *words, size_t count, uintptr_t at)
{
    static uintptr_t kept[WORDS];
    size_t used = 0;
    for (size_t i = 0; i < count && used < WORDS; i++)
        if (!is_of_libc(words[i], at + i * sizeof *words))
            kept[used++] = words[i];
    mark_words(kept, used);
}

static void mark_data_part(uintptr_t start, uintptr_t end, const struct area *area)
{
    if (start >= libc_start && start < libc_end)
        pages_peek(start, end, copied_from_libc);
    else
        mark_part(start, end, area);
}

/* The first page of a module's file has its headers; a segment may be mapped in several
 * parts by now, some no longer writable. */
static void mark_module(uintptr_t base)
{
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)base;
    Elf64_Phdr segments[SEGMENTS_MAX];
    uintptr_t bias = base;
    if (header->e_phentsize != sizeof *segments || header->e_phnum > SEGMENTS_MAX ||
        !areas_readable(base + header->e_phoff,
                        base + header->e_phoff + sizeof segments[0] * header->e_phnum))
        return;
    __builtin_memcpy(segments, (const char *)base + header->e_phoff,
                     sizeof segments[0] * header->e_phnum);
    for (uint32_t i = 0; i < header->e_phnum; i++)
        if (segments[i].p_type == PT_LOAD && segments[i].p_offset == 0)
            bias = base - segments[i].p_vaddr;
    for (uint32_t i = 0; i < header->e_phnum; i++) {
        uintptr_t start = bias + segments[i].p_vaddr, end = start + segments[i].p_memsz;
        if (segments[i].p_type != PT_LOAD || !(segments[i].p_flags & PF_W))
            continue;
        end = (end + PAGES_BYTES - 1) & ~(uintptr_t)(PAGES_BYTES - 1);
        areas_take(start & ~(uintptr_t)(PAGES_BYTES - 1), end);
        if (base != (uintptr_t)__ehdr_start)
            areas_within(start, end, mark_data_part);
    }
}

static void mark_modules(struct reach_roots *roots)
{
    (void)roots;
    libc_find();
    for (uint32_t i = 0; i < areas.count; i++) {
        const struct area *area = &areas.rows[i];
        unsigned char magic[SELFMAG];
        if ((area->flags & (AREA_FILE | MAPS_READ | MAPS_SHARED)) == (AREA_FILE | MAPS_READ) &&
            sys_peek((const void *)area->start, magic, sizeof magic) &&
            __builtin_memcmp(magic, ELFMAG, SELFMAG) == 0)
            mark_module(area->start);
    }
}

/* ---- thread-local storage of the first thread: others have theirs on their stacks ---- */

static void mark_tls(struct reach_roots *roots)
{
    (void)roots;
    if (first_thread)
        areas_within(first_thread - tls_bytes, first_thread + PTHREAD_BYTES, mark_part);
}

/* ---- what the program says ---- */

static void mark_range(uintptr_t start, uintptr_t end, void *unused)
{
    (void)unused;
    mark_words(&start, 1); /* it may be part of a block */
    areas_within(start, end, mark_part);
}

static void mark_ranges(struct reach_roots *roots)
{
    (void)roots;
    roots_scan(mark_range, NULL);
}

static bool is_ignored(uint32_t context)
{
    static uint32_t last;
    static bool last_is_ignored;
    struct context_copy copy;
    if (context != last) {
        last = context;
        last_is_ignored = context_read(context, &copy) && (copy.flags & CTT_CONTEXT_IGNORED);
    }
    return last_is_ignored;
}

static bool any_ignored(void)
{
    for (uint32_t slot = 1; slot < context_slots(); slot++) {
        const struct context *context = context_slot(slot);
        if (context && (atomic_load(&context->flags) & CTT_CONTEXT_IGNORED))
            return true;
    }
    return false;
}

static void mark_ignored(struct reach_roots *roots)
{
    struct block block;
    (void)roots;
    if (!any_ignored())
        return;
    for (uint32_t i = 0; i < reach_index.count; i++)
        if (ledger_read(reach_index.items[i].number, &block) && is_ignored(block.context))
            mark_item(i);
}

/* ---- all other memory ---- */

static void take_own(uintptr_t low, uintptr_t high, void *unused)
{
    (void)unused;
    areas_take(low, high);
}

static void mark_rest(struct reach_roots *roots)
{
    (void)roots;
    arena_scan(take_own, NULL);
    mirror_scan(take_own, NULL);
    areas_rest(mark_part);
}

/* ---- all ---- */

/* In this order: what a row reads, or wipes, it takes from those below. */
static const struct source {
    void (*mark)(struct reach_roots *roots);
} sources[] = {
    {stacks_mark}, {mark_modules}, {mark_tls},  {kernel_mark},
    {mark_ranges}, {mark_ignored}, {mark_rest},
};

static void note_stream(const struct holding_copy *holding, void *unused)
{
    (void)unused;
    uint32_t i = holding->kind == CTT_KIND_STREAM ? index_find(holding->handle) : INDEX_NONE;
    if (i != INDEX_NONE && reach_index.items[i].address == holding->handle &&
        index_bytes(i) >= sizeof(FILE))
        reach_index.items[i].marks |=
            holding->detail == DETAIL_POPEN ? MARK_STREAM | MARK_POPEN : MARK_STREAM;
}

static void note_unreadable(void)
{
    const struct area *area = NULL;
    for (uint32_t i = 0; i < reach_index.count; i++) {
        uintptr_t start = reach_index.items[i].address, end = start + index_bytes(i);
        if (area && start >= area->start && end <= area->end && (area->flags & MAPS_READ))
            continue;
        if (!areas_readable(start, end))
            reach_index.items[i].marks |= MARK_UNREADABLE;
        area = area_at(start);
    }
}

void roots_mark(struct reach_roots *roots)
{
    key_scan(note_stream, NULL);
    note_unreadable();
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
        sources[i].mark(roots);
}
