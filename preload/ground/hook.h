/* SPDX-License-Identifier: MIT */
/*
 * Hooks: interposed functions. One line per function of a common shape, in its
 * family's file under hooks/; the linker gathers the rows of the registry, so
 * there is no second list.
 *
 *     ACQUIRES(fd, int, socket, (int domain, int type, int protocol), (domain, type, protocol))
 *     RELEASES(fd, int, close, (int fd), (fd), fd)
 *     WATCHES(fd, ssize_t, read, (int fd, void *b, size_t n), (fd, b, n), fd)
 *
 * The first word is the family: a set of plain functions (hooks/family.h) that
 * the macro bodies call at once. Functions of no common shape are written out
 * with HOOK, REAL and the same family functions. libc's own prototype, visible
 * where the line stands, checks it at compile time.
 *
 * What every hook owes, and the shapes see to:
 *  - it stands aside when guard_may_record() says so;
 *  - errno is what the real function left (every family function keeps it);
 *  - a release is taken out of the books before the real call and put back when
 *    the real call did not release; an acquisition is entered after it. In the
 *    other order another thread could own the same number or address in
 *    between (hazards.md E1: 34 wrong in 160,000 one way, 0 the other);
 *  - nothing is held while the real function runs: it may call back into the
 *    program, be cancelled, or never return.
 */
#ifndef GROUND_HOOK_H
#define GROUND_HOOK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/ground/guard.h"

#if defined(_FILE_OFFSET_BITS) || defined(_FORTIFY_SOURCE)
#error "hooks are compiled without fortification and large-file renaming (hazards.md A7)"
#endif

struct hook {
    const char *name;
    _Atomic(void *) real; /* also the entry that stacks begin with */
    const char *version;  /* NULL: the default one */
    bool is_allocator;
};

#define HOOK_SECTION "ctxtrace_hooks"
#define HOOK_EXPORT  __attribute__((visibility("default")))

/* A row of the registry. The compiler may not align one more than an element of
 * an array, as it likes to do with objects that stand alone. */
#define HOOK_ROW __attribute__((section(HOOK_SECTION), used, aligned(__alignof__(struct hook))))

#define HOOK(function) struct hook hook_##function HOOK_ROW = {#function, NULL, NULL, false}
/* Found after all others: until then a look-up that allocates gets memory of ours, and
 * no other allocator is asked, whose locks may be hooks that are not found yet. */
#define HOOK_ALLOCATOR(function)                                                                   \
    struct hook hook_##function HOOK_ROW = {#function, NULL, NULL, true}

/* The same for one version of a function that libc has in several: `function`
 * is what a program gets that asks for `name` in this version (hazards.md A5). */
#define HOOK_VERSION(function, name, version)                                                      \
    struct hook hook_##function HOOK_ROW = {#name, NULL, version, false};                          \
    __asm__(".symver " #function ", " #name "@" version ", remove")

/* Finds every real function in one pass (dlsym, dlvsym RTLD_NEXT); any thread may do
 * it, twice does no harm. Returns this hook's, or NULL: dlsym itself is calling
 * us, or libc does not have the function. */
void *hook_resolve(struct hook *hook);

/* This one and no other. NULL: as above. */
void *hook_real_alone(struct hook *hook);

static inline void *hook_real(struct hook *hook)
{
    void *real = atomic_load_explicit(&hook->real, memory_order_acquire);
    return __builtin_expect(real != NULL, 1) ? real : hook_resolve(hook);
}

/* The real function, with the prototype that libc's header gives it. */
#define REAL(function) ((__typeof__(&function))hook_real(&hook_##function))

#define REAL_ALONE(function) ((__typeof__(&function))hook_real_alone(&hook_##function))

extern struct hook hooks_begin[] __asm__("__start_" HOOK_SECTION)
    __attribute__((visibility("hidden")));
extern struct hook hooks_end[] __asm__("__stop_" HOOK_SECTION)
    __attribute__((visibility("hidden")));

/*
 * The way past the books: a jump, with no frame made for it. So each function that has
 * one is two: the exported one decides, and the other, not inlined, does the work. For
 * gcc the first has to be marked PASSES; clang takes it from the statement. The real
 * function must be known where PASS stands.
 */
#if __has_attribute(musttail)
#define PASSES
#define PASS_BY_JUMP __attribute__((musttail))
#else
#define PASSES __attribute__((optimize("optimize-sibling-calls")))
#define PASS_BY_JUMP
#endif
#define PASS(function, args)                                                                       \
    PASS_BY_JUMP return ((__typeof__(&function))atomic_load_explicit(&hook_##function.real,        \
                                                                     memory_order_relaxed))args
/*
 * Around a real call that may block. The kernel tells of a blocked thread its stack pointer
 * and what it asked for, and not the registers that a callee keeps for its caller: what is
 * in them has to be on the stack, or a block that only a register points to is taken for
 * lost. To use them is what makes the compiler keep them in the hook's own frame; the
 * frame pointer is there already. Before and after, so that the frame is not made shorter.
 */
#if defined(__x86_64__)
#define SPILL_REGISTERS() __asm__ volatile("" : : : "rbx", "r12", "r13", "r14", "r15")
#else
#error "the registers that a callee keeps on this machine"
#endif
/* And says where, so that who reads the thread does not have to guess. A handler that
 * interrupts this may come through another such hook, and puts back what it found. */
#define BLOCKS(call)                                                                               \
    do {                                                                                           \
        uintptr_t blocking_ = self.blocking;                                                       \
        SPILL_REGISTERS();                                                                         \
        *(volatile uintptr_t *)&self.blocking = GUARD_FRAME();                                     \
        call;                                                                                      \
        *(volatile uintptr_t *)&self.blocking = blocking_;                                         \
        SPILL_REGISTERS();                                                                         \
    } while (0)

#define WATCHED        static __attribute__((noinline))
#define AND_SITE(...)  (__VA_ARGS__, const struct call_site *site)
#define GIVE_SITE(...) (__VA_ARGS__, &site)

/* The result is the handle. */
#define ACQUIRES(family, ret, function, params, args)                                              \
    HOOK(function);                                                                                \
    HOOK_EXPORT ret function params                                                                \
    {                                                                                              \
        ret result;                                                                                \
        BLOCKS(result = REAL(function) args);                                                      \
        if (guard_may_record(GUARD_FRAME())) {                                                     \
            struct call_site site = CALL_SITE();                                                   \
            family##_acquired(&hook_##function, &site, result);                                    \
        }                                                                                          \
        return result;                                                                             \
    }

/* `handle` is given back. */
#define RELEASES(family, ret, function, params, args, handle)                                      \
    HOOK(function);                                                                                \
    HOOK_EXPORT ret function params                                                                \
    {                                                                                              \
        if (!guard_may_record(GUARD_FRAME()))                                                      \
            return REAL(function) args;                                                            \
        struct call_site site = CALL_SITE();                                                       \
        struct family##_release release;                                                           \
        family##_releasing(&release, &hook_##function, &site, handle);                             \
        ret result;                                                                                \
        BLOCKS(result = REAL(function) args);                                                      \
        family##_released(&release, (intptr_t)result);                                             \
        return result;                                                                             \
    }

/* `handle` is used: who and when, nothing more. */
#define WATCHES(family, ret, function, params, args, handle)                                       \
    HOOK(function);                                                                                \
    HOOK_EXPORT ret function params                                                                \
    {                                                                                              \
        ret result;                                                                                \
        BLOCKS(result = REAL(function) args);                                                      \
        if (guard_may_record(GUARD_FRAME()))                                                       \
            family##_used(handle);                                                                 \
        return result;                                                                             \
    }

#endif
