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
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "preload/facts/capture.h"
#include "preload/facts/module.h"
#include "preload/facts/tally.h"
#include "preload/hooks/family.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"

HOOK(malloc);
HOOK(calloc);
HOOK(realloc);
HOOK(free);
HOOK(reallocarray);
HOOK(memalign);
HOOK(aligned_alloc);
HOOK(posix_memalign);
HOOK(valloc);
HOOK(pvalloc);
HOOK(malloc_usable_size);

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

#define GRANULE_GLIBC 5u /* glibc's chunks are 32 bytes apart at least */
#define GRANULE_OTHER 3u

/* Decided at the first block: glibc's own allocator, or one bound before it.
 * Threads that get here together decide alike. */
static void granule_choose(void)
{
    static _Atomic int chosen;
    if (atomic_load_explicit(&chosen, memory_order_acquire))
        return;
    const struct module *m = module_get(module_at((uintptr_t)hook_real(&hook_malloc)));
    ledger_set_granule(m && m->flags & CTT_MODULE_LIBC ? GRANULE_GLIBC : GRANULE_OTHER);
    atomic_store_explicit(&chosen, 1, memory_order_release);
}

void block_acquired(struct hook *hook, const struct call_site *site, void *address, size_t bytes)
{
    if (!address)
        return;
    granule_choose();
    uint32_t task = task_self();
    const void *entry = hook_real(hook);
    uint32_t stack = capture_again(site, entry);
    if (__builtin_expect(stack == STACK_NONE, 0))
        stack = capture_anew(site, entry);
    struct block block = {.address = (uintptr_t)address,
                          .bytes = bytes,
                          .stack = stack,
                          .context = self.context,
                          .task = task,
                          .born_ms = (uint32_t)(clock_since_ns() / 1000000u)};
    tally_block(stack, bytes);
    ledger_add(&block);
}

/* The body of every function whose result is a new block. The call site is the
 * exported function's own, hence a macro. */
#define ALLOCATES(function, bytes, args)                                                           \
    if (!guard_may_record(GUARD_FRAME()))                                                          \
        return REAL(function) args;                                                                \
    self.inside = GUARD_FRAME();                                                                   \
    void *block = REAL(function) args;                                                             \
    self.inside = 0;                                                                               \
    struct call_site site = CALL_SITE();                                                           \
    block_acquired(&hook_##function, &site, block, bytes);                                         \
    return block

HOOK_EXPORT void *malloc(size_t bytes)
{
    if (__builtin_expect(!REAL(malloc), 0))
        return boot_alloc(bytes);
    ALLOCATES(malloc, bytes, (bytes));
}

HOOK_EXPORT void *calloc(size_t count, size_t bytes)
{
    size_t whole;
    bool overflows = __builtin_mul_overflow(count, bytes, &whole);
    if (__builtin_expect(!REAL(calloc), 0))
        return overflows ? NULL : boot_alloc(whole); /* the pool is zero and used once */
    ALLOCATES(calloc, whole, (count, bytes));
}

HOOK_EXPORT void *memalign(size_t alignment, size_t bytes)
{
    ALLOCATES(memalign, bytes, (alignment, bytes));
}

HOOK_EXPORT void *aligned_alloc(size_t alignment, size_t bytes)
{
    ALLOCATES(aligned_alloc, bytes, (alignment, bytes));
}

HOOK_EXPORT void *valloc(size_t bytes)
{
    ALLOCATES(valloc, bytes, (bytes));
}

HOOK_EXPORT void *pvalloc(size_t bytes)
{
    ALLOCATES(pvalloc, bytes, (bytes));
}

HOOK_EXPORT int posix_memalign(void **where, size_t alignment, size_t bytes)
{
    if (!guard_may_record(GUARD_FRAME()))
        return REAL(posix_memalign)(where, alignment, bytes);
    self.inside = GUARD_FRAME();
    int error = REAL(posix_memalign)(where, alignment, bytes);
    self.inside = 0;
    if (error == 0) {
        struct call_site site = CALL_SITE();
        block_acquired(&hook_posix_memalign, &site, *where, bytes);
    }
    return error;
}

/* ---- giving back, moving ---- */

HOOK_EXPORT void free(void *p)
{
    if (!p || is_boot(p))
        return;
    if (guard_may_record(GUARD_FRAME())) {
        if (!ledger_drop((uintptr_t)p))
            HEALTH(frees_unknown);
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

static void *boot_realloc(void *p, size_t bytes)
{
    void *fresh = malloc(bytes);
    if (fresh)
        memcpy(fresh, p, boot_size(p) < bytes ? boot_size(p) : bytes);
    return fresh;
}

/* What realloc and reallocarray share: `resize` is the real call. The old
 * record is out while it runs: another thread may get the old address before
 * we are back (hazards.md E2). */
#define REALLOCATES(function, p, bytes, args)                                                      \
    if (!guard_may_record(GUARD_FRAME()))                                                          \
        return REAL(function) args;                                                                \
    struct block was;                                                                              \
    bool had = p && ledger_take((uintptr_t)p, &was);                                               \
    self.inside = GUARD_FRAME();                                                                   \
    void *block = REAL(function) args;                                                             \
    self.inside = 0;                                                                               \
    if (block) {                                                                                   \
        struct call_site site = CALL_SITE();                                                       \
        block_acquired(&hook_##function, &site, block, bytes);                                     \
    } else if (had && (bytes) != 0) {                                                              \
        ledger_add(&was); /* it failed: the old block stands */                                    \
    }                                                                                              \
    return block

HOOK_EXPORT void *realloc(void *p, size_t bytes)
{
    if (__builtin_expect(p && is_boot(p), 0))
        return boot_realloc(p, bytes);
    if (__builtin_expect(!REAL(realloc), 0))
        return boot_alloc(bytes);
    REALLOCATES(realloc, p, bytes, (p, bytes));
}

HOOK_EXPORT void *reallocarray(void *p, size_t count, size_t bytes)
{
    size_t whole;
    if (__builtin_mul_overflow(count, bytes, &whole)) {
        errno = ENOMEM;
        return NULL;
    }
    if (__builtin_expect(p && is_boot(p), 0))
        return boot_realloc(p, whole);
    REALLOCATES(reallocarray, p, whole, (p, count, bytes));
}

HOOK_EXPORT size_t malloc_usable_size(void *p)
{
    return p && is_boot(p) ? boot_size(p) : REAL(malloc_usable_size)(p);
}

/* Our malloc, whatever the global scope says the name means (main.c asks). The
 * same attributes where the compiler can copy them, for gcc insists. */
#if __has_attribute(copy)
#define LIKE_MALLOC copy(malloc),
#else
#define LIKE_MALLOC
#endif
extern __typeof__(malloc) own_malloc
    __attribute__((LIKE_MALLOC alias("malloc"), visibility("hidden")));
