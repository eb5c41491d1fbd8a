/* SPDX-License-Identifier: MIT */
/*
 * malloc's family: the hot path.
 *
 * Nothing here locks, makes a system call or allocates with malloc. The thread
 * is marked `inside` while the real allocator runs, because an allocator may
 * build one public function from another (hazards.md B2), and for no longer:
 * everything after it is lock-free and may be interrupted by a handler that
 * allocates (B4).
 *
 * Before the real functions are known (dlsym itself allocates when a look-up
 * fails: A2) blocks come from a small static pool; they are recognised by
 * address and never reach the real allocator (E8).
 *
 * A block that a sampled run leaves out, and every block of a program that is not
 * watched, goes to the real function before anything else is done: PASS.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "preload/books/failure.h"
#include "preload/books/graveyard.h"
#include "preload/books/ledger_slot.h"
#include "preload/facts/capture.h"
#include "preload/facts/module.h"
#include "preload/facts/releases.h"
#include "preload/facts/roots.h"
#include "preload/facts/tally.h"
#include "preload/hooks/lock.h"
#include "preload/ground/health.h"
#include "preload/ground/sample.h"
#include "preload/ground/sys.h"

#define NS_PER_MS UINT64_C(1000000)

HOOK_ALLOCATOR(malloc);
HOOK_ALLOCATOR(calloc);
HOOK_ALLOCATOR(realloc);
HOOK_ALLOCATOR(free);
HOOK_ALLOCATOR(reallocarray);
HOOK_ALLOCATOR(memalign);
HOOK_ALLOCATOR(aligned_alloc);
HOOK_ALLOCATOR(posix_memalign);
HOOK_ALLOCATOR(valloc);
HOOK_ALLOCATOR(pvalloc);
HOOK_ALLOCATOR(malloc_usable_size);

/* ---- before the real functions are known ---- */

#define BOOT_BYTES (64u << 10)
#define BOOT_ALIGN 16u

static char boot_pool[BOOT_BYTES] __attribute__((aligned(BOOT_ALIGN)));
static _Atomic size_t boot_used;

/* The size stands in the 16 bytes before the block. */
static void *boot_alloc(size_t bytes)
{
    if (bytes > BOOT_BYTES / 2)
        return NULL;
    size_t whole = (bytes + 2 * BOOT_ALIGN - 1) & ~(size_t)(BOOT_ALIGN - 1);
    size_t at = atomic_fetch_add(&boot_used, whole);
    if (at == 0)
        roots_add((uintptr_t)boot_pool, BOOT_BYTES); /* no blocks, but they may lead to some */
    if (at + whole > BOOT_BYTES)
        return NULL;
    *(size_t *)(boot_pool + at) = bytes;
    return boot_pool + at + BOOT_ALIGN;
}

static bool is_boot(const void *p)
{
    return (uintptr_t)p - (uintptr_t)boot_pool < BOOT_BYTES;
}

static size_t boot_size(const void *p)
{
    return *(const size_t *)((const char *)p - BOOT_ALIGN);
}

/* ---- entering and taking out ---- */

/* Decided at the first block: glibc's own allocator, or one bound before it.
 * Threads that get here together decide alike. */
static void granule_choose(void)
{
    static _Atomic int chosen;
    if (atomic_load_explicit(&chosen, memory_order_acquire))
        return;
    const struct module *m = module_get(module_at((uintptr_t)hook_real(&hook_malloc)));
    ledger_set_granule(m && m->flags & CTT_MODULE_LIBC ? LEDGER_GRANULE_GLIBC
                                                       : LEDGER_GRANULE_OTHER);
    atomic_store_explicit(&chosen, 1, memory_order_release);
}

/* What could never be had is no limit's doing: programs try whether such a size is
 * refused. Not every allocator sets errno. */
static __attribute__((noinline, cold)) void
block_refused(const void *entry, const struct call_site *site, size_t bytes, int error)
{
    if (bytes == 0)
        return;
    uint32_t stack = stack_capture(site, entry);
    failure_keep(FAILURE_POINTER,
                 (struct room_failure){.stack = stack, .kind = CTT_KIND_MEMORY, .error = ENOMEM});
    if (bytes < BYTES_IMPOSSIBLE && error != EINVAL)
        limit_hit(stack, CTT_KIND_MEMORY, ENOMEM, bytes);
}

/* `entry` is the real function. */
static void block_acquired(const void *entry, const struct call_site *site, void *address,
                           size_t bytes, enum sample sample)
{
    if (__builtin_expect(!address, 0)) {
        block_refused(entry, site, bytes, errno);
        return;
    }
    granule_choose();
    uint32_t task = task_self();
    uint32_t stack = capture_again(site, entry);
    if (__builtin_expect(stack == STACK_NONE, 0))
        stack = capture_anew(site, entry);
    struct block block = {.address = (uintptr_t)address,
                          .bytes = sample == SAMPLE_DRAWN ? bytes | BLOCK_DRAWN : bytes,
                          .stack = stack,
                          .context = self.context,
                          .task = task,
                          .born_ms = (uint32_t)(clock_since_ns() / NS_PER_MS)};
    tally_block(stack, bytes);
    if (graves_are_kept())
        grave_fill(block.address);
    ledger_add(&block);
}

/* What is not recorded has left the graveyard, too. */
static void *unrecorded(void *block)
{
    if (block && graves_are_kept())
        grave_fill((uintptr_t)block);
    return block;
}

static void buried(struct hook *hook, const struct call_site *site, const struct block *was)
{
    uint32_t stack = family_stack(hook, site);
    grave_dig(&(struct grave){.address = was->address,
                              .acquired_stack = was->stack,
                              .released_stack = stack,
                              .released_task = task_self()});
    release_note(&(struct holding_copy){.context = was->context,
                                        .stack = was->stack,
                                        .acquired_ns = was->born_ms * NS_PER_MS},
                 stack);
}

/*
 * Most of a sampled run goes past the books, by PASS (hook.h). The real function is
 * known wherever that stands (sample.h).
 *
 * Nothing marks the thread as inside meanwhile. With an allocator that builds one
 * public function from another (B2; neither glibc's nor jemalloc's does) such a block
 * is judged twice, and its estimate is too high, by 2 at the most.
 */

/* Every function whose result is a new block of `bytes` bytes, or `boot` while the
 * real one is not known. */
#define ALLOCATES(function, params, args, bytes, boot)                                             \
    WATCHED void *function##_watched AND_SITE params                                               \
    {                                                                                              \
        __typeof__(&function) real = REAL(function);                                               \
        if (__builtin_expect(!real, 0))                                                            \
            return boot;                                                                           \
        enum sample sample = sample_decide(bytes);                                                 \
        if (sample == SAMPLE_PASSED || !guard_may_record(GUARD_FRAME()))                           \
            return unrecorded(real args);                                                          \
        self.inside = GUARD_FRAME();                                                               \
        void *block = real args;                                                                   \
        self.inside = 0;                                                                           \
        block_acquired((const void *)real, site, block, bytes, sample);                            \
        return block;                                                                              \
    }                                                                                              \
    HOOK_EXPORT PASSES void *function params                                                       \
    {                                                                                              \
        if (sample_passes(bytes))                                                                  \
            PASS(function, args);                                                                  \
        struct call_site site = CALL_SITE();                                                       \
        return function##_watched GIVE_SITE args;                                                  \
    }

/* What does not fit is not given out, whatever its size is taken for. */
static size_t product(size_t count, size_t bytes)
{
    size_t whole;
    return __builtin_mul_overflow(count, bytes, &whole) ? SIZE_MAX : whole;
}

ALLOCATES(malloc, (size_t bytes), (bytes), bytes, boot_alloc(bytes))
/* The pool is zero and used once. */
ALLOCATES(calloc, (size_t count, size_t bytes), (count, bytes), product(count, bytes),
          boot_alloc(product(count, bytes)))
ALLOCATES(memalign, (size_t alignment, size_t bytes), (alignment, bytes), bytes, NULL)
ALLOCATES(aligned_alloc, (size_t alignment, size_t bytes), (alignment, bytes), bytes, NULL)
ALLOCATES(valloc, (size_t bytes), (bytes), bytes, NULL)
ALLOCATES(pvalloc, (size_t bytes), (bytes), bytes, NULL)

WATCHED int posix_memalign_watched(void **where, size_t alignment, size_t bytes,
                                   const struct call_site *site)
{
    __typeof__(&posix_memalign) real = REAL(posix_memalign);
    enum sample sample = sample_decide(bytes);
    if (sample == SAMPLE_PASSED || !guard_may_record(GUARD_FRAME())) {
        int error = real(where, alignment, bytes);
        if (error == 0)
            unrecorded(*where);
        return error;
    }
    self.inside = GUARD_FRAME();
    int error = real(where, alignment, bytes);
    self.inside = 0;
    if (error == 0)
        block_acquired((const void *)real, site, *where, bytes, sample);
    else
        block_refused((const void *)real, site, bytes, error);
    return error;
}

HOOK_EXPORT PASSES int posix_memalign(void **where, size_t alignment, size_t bytes)
{
    if (sample_passes(bytes))
        PASS(posix_memalign, (where, alignment, bytes));
    struct call_site site = CALL_SITE();
    return posix_memalign_watched(where, alignment, bytes, &site);
}

/* ---- giving back, moving ---- */

static void freed_twice(const struct call_site *site, const struct grave *first)
{
    mishap_note((struct ctt_mishap){.id = CTT_MISHAP_DOUBLE_FREE,
                                    .kind = CTT_KIND_MEMORY,
                                    .handle = first->address,
                                    .stack = family_stack(&hook_free, site),
                                    .acquired_stack = first->acquired_stack,
                                    .released_stack = first->released_stack,
                                    .released_task = first->released_task});
}

/* With what costs a stack, or a look at all locks (locks=, frees=). */
static __attribute__((noinline, cold)) void freeing_closely(const struct call_site *site, void *p)
{
    struct block was;
    struct grave first;
    if (ledger_take((uintptr_t)p, &was)) {
        if (lock_is_watching())
            lock_freeing(site, was.address, was.bytes & ~BLOCK_DRAWN);
        if (graves_are_kept())
            buried(&hook_free, site, &was);
    } else if (graves_are_kept() && grave_find((uintptr_t)p, &first)) {
        freed_twice(site, &first);
    } else {
        HEALTH(frees_unknown);
    }
}

/* By a jump, too: its caller is free()'s. */
WATCHED void free_watched(void *p)
{
    if (!p)
        return;
    if (guard_may_record(GUARD_FRAME())) {
        if (lock_is_watching() || graves_are_kept()) {
            struct call_site site = CALL_SITE();
            freeing_closely(&site, p);
        } else if (!ledger_drop((uintptr_t)p)) {
            HEALTH(frees_unknown);
        }
        uintptr_t before = self.inside;
        self.inside = GUARD_FRAME();
        REAL(free)(p);
        self.inside = before;
        return;
    }
    void (*real)(void *) = REAL(free);
    if (real)
        real(p);
}

/* Nothing is known of most blocks of a sampled run, and that is no news. */
HOOK_EXPORT PASSES void free(void *p)
{
    if (is_boot(p))
        return;
    uint64_t mean = atomic_load_explicit(&sample_mean, memory_order_acquire);
    if (mean != 0 && ((int64_t)mean < 0 || !ledger_holds((uintptr_t)p)))
        PASS(free, (p));
    PASS_BY_JUMP return free_watched(p);
}

static void *boot_realloc(void *p, size_t bytes)
{
    void *fresh = malloc(bytes);
    if (fresh)
        memcpy(fresh, p, boot_size(p) < bytes ? boot_size(p) : bytes);
    return fresh;
}

/* A block that moves has no record for a moment, and what it leads to must be found all the
 * same by who looks what reaches memory (outlets/reach_stacks.c), first by its old address,
 * then by its new one. Whole words: that one may look at any instruction. */
static void moving_begins(void *p)
{
    struct thread_room *room = p ? room_get() : NULL;
    if (room)
        __atomic_store_n(&room->moving, (uintptr_t)p, __ATOMIC_RELAXED);
}

static void moving_goes_on(void *block)
{
    struct thread_room *room = self.room;
    if (room && room->moving && block)
        __atomic_store_n(&room->moving, (uintptr_t)block, __ATOMIC_RELAXED);
}

static void moving_ends(void)
{
    struct thread_room *room = self.room;
    if (room)
        __atomic_store_n(&room->moving, 0, __ATOMIC_RELAXED);
}

#define AND_SITE_PASSES(...)  (__VA_ARGS__, const struct call_site *site, bool passes)
#define GIVE_SITE_PASSES(...) (__VA_ARGS__, &site, passes)

/* What realloc and reallocarray share. The old record is out while the real one
 * runs: another thread may get the old address before we are back (hazards.md
 * E2). The new size is judged anew, whatever became of the old one. */
#define REALLOCATES(function, params, args, p, bytes)                                              \
    WATCHED void *function##_watched AND_SITE_PASSES params                                        \
    {                                                                                              \
        __typeof__(&function) real = REAL(function);                                               \
        if (is_boot(p))                                                                            \
            return boot_realloc(p, bytes);                                                         \
        if (__builtin_expect(!real, 0))                                                            \
            return boot_alloc(bytes);                                                              \
        enum sample sample = passes ? SAMPLE_PASSED : sample_decide(bytes);                        \
        if (!guard_may_record(GUARD_FRAME()))                                                      \
            return unrecorded(real args);                                                          \
        struct block was;                                                                          \
        moving_begins(p);                                                                          \
        bool had = p && ledger_take((uintptr_t)p, &was);                                           \
        self.inside = GUARD_FRAME();                                                               \
        void *block = real args;                                                                   \
        self.inside = 0;                                                                           \
        moving_goes_on(block);                                                                     \
        if (!block && had && (bytes) != 0)                                                         \
            ledger_add(&was); /* it failed: the old block stands */                                \
        else if (had && (uintptr_t)block != was.address && graves_are_kept())                      \
            buried(&hook_##function, site, &was);                                                  \
        if (sample != SAMPLE_PASSED)                                                               \
            block_acquired((const void *)real, site, block, bytes, sample);                        \
        moving_ends();                                                                             \
        return block;                                                                              \
    }                                                                                              \
    HOOK_EXPORT PASSES void *function params                                                       \
    {                                                                                              \
        bool passes = !is_boot(p) && sample_passes(bytes);                                         \
        if (passes && !ledger_holds((uintptr_t)p))                                                 \
            PASS(function, args);                                                                  \
        struct call_site site = CALL_SITE();                                                       \
        return function##_watched GIVE_SITE_PASSES args;                                           \
    }

REALLOCATES(realloc, (void *p, size_t bytes), (p, bytes), p, bytes)
REALLOCATES(reallocarray, (void *p, size_t count, size_t bytes), (p, count, bytes), p,
            product(count, bytes))

HOOK_EXPORT size_t malloc_usable_size(void *p)
{
    return p && is_boot(p) ? boot_size(p) : REAL(malloc_usable_size)(p);
}

/* Our own, whatever the global scope says the names mean (main.c and newer_x86_64.c
 * ask). The same attributes where the compiler can copy them, for gcc insists. */
#if __has_attribute(copy)
#define LIKE(function) copy(function),
#else
#define LIKE(function)
#endif
extern __typeof__(malloc) own_malloc
    __attribute__((LIKE(malloc) alias("malloc"), visibility("hidden")));
extern __typeof__(free) own_free __attribute__((LIKE(free) alias("free"), visibility("hidden")));
