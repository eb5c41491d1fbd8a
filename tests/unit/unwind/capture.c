/* SPDX-License-Identifier: MIT */
/*
 * The differential test's half inside the program: a preload that, at every
 * n-th call of a few functions, walks the stack with our unwinder and with
 * libunwind's unw_step and compares frame by frame; and, in a program that logs
 * its own calls, with that log.
 *
 * It contains the unwinder's own sources and none of the tracker's hooks. Each
 * process writes $CAPTURE_LOG.PID (capture_log.h). What to make of it is the
 * affair of run_differential.py and run_generated.py.
 *
 *   CAPTURE_EVERY=n  every n-th call    CAPTURE_MAX=n  at most so many
 */
#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "capture_judge.h"
#include "capture_log.h"
#include "preload/facts/module.h"
#include "preload/facts/stack.h"
#include "preload/facts/unwind.h"
#include "preload/ground/sys.h"

#define DEPTH          500u
#define OWN_FRAMES     8u
#define BLOCKS_WRITTEN 40u
#define SEEN_IDS       (1u << 22)
#define EXPORT         __attribute__((visibility("default")))

static _Atomic uint64_t seen[SEEN_IDS / 64];
static unsigned long capture_every = 1, capture_max = 20000;
static int ready;

static _Thread_local int busy __attribute__((tls_model("initial-exec")));
static _Thread_local unsigned long calls __attribute__((tls_model("initial-exec")));

/* libunwind's local functions by their real names. */
static int (*theirs_getcontext)(unw_context_t *);
static int (*theirs_init)(unw_cursor_t *, unw_context_t *);
static int (*theirs_step)(unw_cursor_t *);
static int (*theirs_get)(unw_cursor_t *, int, unw_word_t *);

/* From the frame whose pc is the call site's; 0 when libunwind lost its way
 * within our own frames. */
static size_t theirs_walk(uintptr_t from, uint64_t *pcs)
{
    unw_context_t context;
    unw_cursor_t cursor;
    size_t count = 0, own = 0;
    theirs_getcontext(&context);
    if (theirs_init(&cursor, &context) < 0)
        return 0;
    do {
        unw_word_t pc;
        theirs_get(&cursor, UNW_REG_IP, &pc);
        if (count == 0 && pc != from) {
            if (++own > OWN_FRAMES)
                return 0;
            continue;
        }
        if (pc != 0)
            pcs[count++] = pc;
    } while (count < DEPTH && theirs_step(&cursor) > 0);
    return count;
}

static void distinct_count(uint32_t id, const uint64_t *pcs, size_t count)
{
    uint64_t bit = UINT64_C(1) << (id % 64);
    if (id >= SEEN_IDS || atomic_fetch_or(&seen[id / 64], bit) & bit)
        return;
    atomic_fetch_add(&counts.distinct, 1);
    log_distinct(pcs, count);
}

/* What the tracker would say, by its memo, must be what the walk says. */
static void memo_check(uint32_t id, const struct call_site *site, const void *entry)
{
    uint32_t memoised = stack_capture(site, entry);
    if (memoised != id && memoised != STACK_NONE)
        atomic_fetch_add(&counts.memo_differed, 1);
}

/* The interned stack must be the walked one. */
static void interning_check(uint32_t id, const uint64_t *pcs, size_t count, enum ctt_cut cut)
{
    uint64_t kept[DEPTH + 1];
    enum ctt_cut kept_cut = CTT_CUT_NONE;
    size_t kept_count = stack_pcs(id, kept, DEPTH + 1, &kept_cut);
    if (id == STACK_OVERFLOW)
        return;
    if (kept_count != count + 1 || kept_cut != cut ||
        __builtin_memcmp(kept + 1, pcs, count * sizeof *pcs) != 0)
        abort();
}

static void __attribute__((noinline)) compare(const struct call_site *site, const void *entry)
{
    uint64_t ours[DEPTH], theirs[DEPTH];
    enum ctt_cut cut;
    size_t count = unwind_walk(site, ours, DEPTH, &cut);
    size_t theirs_count = theirs_walk(site->pc, theirs);
    uint32_t id = stack_intern(ours, count, cut, entry);
    interning_check(id, ours, count, cut);
    memo_check(id, site, entry);
    distinct_count(id, ours, count);
    judge(ours, count, cut);
    atomic_fetch_add(&counts.captures, 1);
    atomic_fetch_add(&counts.cuts[cut], 1);
    if (theirs_count == 0) {
        atomic_fetch_add(&counts.unusable, 1);
        return;
    }
    size_t at = 0;
    while (at < count && at < theirs_count && CTT_PC_ADDRESS(ours[at]) == theirs[at])
        at++;
    bool same = at == count && (at == theirs_count || cut != CTT_CUT_NONE);
    struct capture_block block = {.what = same ? "cut" : "differ",
                                  .ours = ours,
                                  .ours_count = count,
                                  .theirs = theirs,
                                  .theirs_count = theirs_count,
                                  .at = at,
                                  .cut = cut};
    if (!same && atomic_fetch_add(&counts.differed, 1) < BLOCKS_WRITTEN)
        log_block(&block);
    else if (cut != CTT_CUT_NONE && atomic_fetch_add(&counts.cut_blocks, 1) < BLOCKS_WRITTEN)
        log_block(&block);
}

static void observe(struct call_site site, const void *entry)
{
    if (!ready || busy || ++calls % capture_every != 0 ||
        atomic_load(&counts.captures) >= capture_max)
        return;
    int saved_errno = errno;
    busy = 1;
    compare(&site, entry);
    busy = 0;
    errno = saved_errno;
}

static void *next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

/* One interposed function: the real one, then a look at the stack. */
#define OBSERVE(type, name, parameters, arguments)                                                 \
    EXPORT type name parameters;                                                                   \
    EXPORT type name parameters                                                                    \
    {                                                                                              \
        static type(*real) parameters;                                                             \
        if (!real)                                                                                 \
            real = (type(*) parameters)next(#name);                                                \
        type result = real arguments;                                                              \
        observe(CALL_SITE(), (const void *)real);                                                  \
        return result;                                                                             \
    }

OBSERVE(void *, malloc, (size_t bytes), (bytes))
OBSERVE(void *, calloc, (size_t count, size_t bytes), (count, bytes))
OBSERVE(void *, realloc, (void *block, size_t bytes), (block, bytes))
OBSERVE(ssize_t, read, (int fd, void *to, size_t bytes), (fd, to, bytes))
OBSERVE(ssize_t, write, (int fd, const void *from, size_t bytes), (fd, from, bytes))

EXPORT int dlclose(void *handle)
{
    module_closing();
    int result = ((int (*)(void *))next("dlclose"))(handle);
    module_closed();
    return result;
}

static unsigned long number_of(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);
    return text ? strtoul(text, NULL, 10) : otherwise;
}

static void child_begin(void)
{
    log_child();
    __builtin_memset((void *)seen, 0, sizeof seen);
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("CAPTURE_LOG");
    void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
    if (!path || !library)
        return;
    log_begin(path);
    judge_begin();
    capture_every = number_of("CAPTURE_EVERY", 1);
    capture_max = number_of("CAPTURE_MAX", capture_max);
    theirs_getcontext = (int (*)(unw_context_t *))dlsym(library, "_Ux86_64_getcontext");
    theirs_init = (int (*)(unw_cursor_t *, unw_context_t *))dlsym(library, "_ULx86_64_init_local");
    theirs_step = (int (*)(unw_cursor_t *))dlsym(library, "_ULx86_64_step");
    theirs_get = (int (*)(unw_cursor_t *, int, unw_word_t *))dlsym(library, "_ULx86_64_get_reg");
    pthread_atfork(NULL, NULL, child_begin);
    stack_depth_limit = DEPTH;
    ready = theirs_getcontext && theirs_init && theirs_step && theirs_get;
}

__attribute__((destructor)) static void finish(void)
{
    if (!ready || atomic_load(&counts.captures) == 0)
        return;
    ready = 0;
    log_counts();
}
