/* SPDX-License-Identifier: MIT */
/*
 * ctxtrace_annotate.h: what a program can tell the tracker, in one header without a library
 * (C99, C++11). Without the tracker all of it does nothing.
 *
 *     ctxtrace_ignore_begin("kept until the process ends");
 *     table = build_table();
 *     ctxtrace_ignore_end();
 *
 * ctxtrace_ignore_begin(why), _end()   What this thread acquires in between (memory,
 *                                      descriptors, threads) is held on purpose, and so is
 *                                      what its memory points to. They nest. `why` is shown
 *                                      in reports, and is copied.
 * ctxtrace_ignore_mem(p, why)          The same of the block that begins at p.
 * ctxtrace_ignore_fd(fd, why)          The same of an open descriptor.
 * ctxtrace_root_range(p, n)            Pointers in these n bytes keep blocks alive, though
 *                                      no global, stack or block leads there.
 * ctxtrace_root_range_end(p, n)        Not any more; before the memory is given back.
 *
 * The last four return 0, or -1 when the tracker is not there or knows no such thing.
 *
 * Resources of the program's own, of a kind that it names ("transaction", "lease"; the first
 * 31 bytes of the name count; no name of a kind of the tracker's own, as "socket"; 64 kinds). In a
 * report they stand beside descriptors and blocks, held by the context that was active, and are
 * judged as those are. `object` is any word that is one of the kind while it is held; it is never
 * looked at.
 *
 * ctxtrace_acquire(kind, object)       From now on it is held.
 * ctxtrace_give_back(kind, object, outcome)   Not any more. CTXTRACE_OK, CTXTRACE_ERROR
 *                                      (rolled back), CTXTRACE_ABANDONED (neither: told as a
 *                                      note). One that is given back as OK though its context
 *                                      has ended in error is told; so is one that is not held.
 * ctxtrace_depends(kind, object, on_kind, on)   `on` must not be given back before it. Both
 *                                      are held, and may be CTXTRACE_FD with
 *                                      CTXTRACE_NUMBER(fd), CTXTRACE_STREAM, CTXTRACE_DIR.
 * ctxtrace_touch(kind, object, hint)   What it went through: the first four hints and the
 *                                      last four are shown, 23 bytes of each.
 * ctxtrace_adopt(kind, object)         The active context holds it from now on; also for
 *                                      CTXTRACE_FD and CTXTRACE_MEMORY.
 *
 * These return 0, or -1 as above. Texts are copied.
 * Any thread, not in a signal handler. errno is kept.
 *
 * The first call looks the tracker up (dlsym: before glibc 2.34 link with -ldl), and the
 * answer is kept, in each file that includes this.
 */
#ifndef CTXTRACE_ANNOTATE_H
#define CTXTRACE_ANNOTATE_H

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CTXTRACE_FD        "fd" /* object: CTXTRACE_NUMBER(fd) */
#define CTXTRACE_MEMORY    "memory"
#define CTXTRACE_STREAM    "stream"
#define CTXTRACE_DIR       "dir"
#define CTXTRACE_NUMBER(n) ((const void *)(size_t)(n))

enum ctxtrace_result {
    CTXTRACE_OK = 0,
    CTXTRACE_ERROR = 1,
    CTXTRACE_ABANDONED = 2,
};

/* One thing that is held (ctxtrace_test.h). Valid during the call that tells of it. */
struct ctxtrace_held {
    size_t size;
    const char *kind;
    uint64_t handle; /* the descriptor, the address, the tid */
    uint64_t bytes;
    const char *context;       /* its name; NULL: it has none */
    uint32_t stack;            /* the same number for the same stack */
    const void *const *frames; /* innermost first: the function that acquired, then callers */
    size_t frame_count;
};

struct ctxtrace_attach_contexts;
struct ctxtrace_attach_testing;

struct ctxtrace_attach_resources {
    size_t size;
    int (*acquired)(const char *kind, const void *object);
    int (*given_back)(const char *kind, const void *object, int outcome);
    int (*depends)(const char *kind, const void *object, const char *on_kind, const void *on);
    int (*touched)(const char *kind, const void *object, const char *hint);
    /* To this context of the tracker's; 0: to the active one. */
    int (*moved)(const char *kind, const void *object, unsigned context);
    unsigned (*active)(void);
};

/* What the tracker offers. Later versions add to its end: `size` says what is there. */
struct ctxtrace_attach_v1 {
    size_t size;
    void (*ignore_begin)(const char *why);
    void (*ignore_end)(void);
    int (*ignore_mem)(const void *block, const char *why);
    int (*ignore_fd)(int fd, const char *why);
    int (*root_range)(const void *start, size_t bytes);
    int (*root_range_end)(const void *start, size_t bytes);
    const struct ctxtrace_attach_contexts *contexts; /* for libctx: ctx/attach.h */
    const struct ctxtrace_attach_resources *resources;
    const struct ctxtrace_attach_testing *testing; /* for libctx, too */
};

/* Exported by the tracker. `client` is what a library offers it, size first; NULL: nothing.
 * NULL when the tracker does not watch this process. */
#define CTXTRACE_ATTACH "ctxtrace_preload_attach_v1"
typedef const struct ctxtrace_attach_v1 *ctxtrace_attach_function(const void *client);

/* NULL without the tracker. Two threads that come first at once both look. */
static inline const struct ctxtrace_attach_v1 *ctxtrace_attached(void)
{
    static const struct ctxtrace_attach_v1 none = {0,    NULL, NULL, NULL, NULL,
                                                   NULL, NULL, NULL, NULL, NULL};
    static const struct ctxtrace_attach_v1 *kept;
    const struct ctxtrace_attach_v1 *table = __atomic_load_n(&kept, __ATOMIC_ACQUIRE);
    if (!table) {
#ifdef RTLD_DEFAULT
        void *found = dlsym(RTLD_DEFAULT, CTXTRACE_ATTACH);
#else /* without _GNU_SOURCE */
        void *found = dlsym(NULL, CTXTRACE_ATTACH);
#endif
        ctxtrace_attach_function *attach = NULL;
        memcpy(&attach, &found, sizeof attach); /* ISO C knows no cast for it */
        table = attach ? attach(NULL) : NULL;
        if (!table)
            table = &none;
        __atomic_store_n(&kept, table, __ATOMIC_RELEASE);
    }
    return table->size ? table : NULL;
}

static inline void ctxtrace_ignore_begin(const char *why)
{
    const struct ctxtrace_attach_v1 *table = ctxtrace_attached();
    if (table)
        table->ignore_begin(why);
}

static inline void ctxtrace_ignore_end(void)
{
    const struct ctxtrace_attach_v1 *table = ctxtrace_attached();
    if (table)
        table->ignore_end();
}

static inline int ctxtrace_ignore_mem(const void *block, const char *why)
{
    const struct ctxtrace_attach_v1 *table = ctxtrace_attached();
    return table ? table->ignore_mem(block, why) : -1;
}

static inline int ctxtrace_ignore_fd(int fd, const char *why)
{
    const struct ctxtrace_attach_v1 *table = ctxtrace_attached();
    return table ? table->ignore_fd(fd, why) : -1;
}

static inline int ctxtrace_root_range(const void *start, size_t bytes)
{
    const struct ctxtrace_attach_v1 *table = ctxtrace_attached();
    return table ? table->root_range(start, bytes) : -1;
}

static inline int ctxtrace_root_range_end(const void *start, size_t bytes)
{
    const struct ctxtrace_attach_v1 *table = ctxtrace_attached();
    return table ? table->root_range_end(start, bytes) : -1;
}

/* NULL without the tracker, or with one that knows no resources. */
static inline const struct ctxtrace_attach_resources *ctxtrace_resources(void)
{
    const struct ctxtrace_attach_v1 *table = ctxtrace_attached();
    const struct ctxtrace_attach_resources *resources = NULL;
    if (table && table->size > offsetof(struct ctxtrace_attach_v1, resources))
        resources = table->resources;
    return resources && resources->size >= sizeof *resources ? resources : NULL;
}

/* Macros, so that the line that calls is the caller's in reports. */
#define CTXTRACE_TELL(call)            (ctxtrace_resources() ? ctxtrace_resources()->call : -1)
#define ctxtrace_acquire(kind, object) CTXTRACE_TELL(acquired((kind), (object)))
#define ctxtrace_give_back(kind, object, outcome)                                                  \
    CTXTRACE_TELL(given_back((kind), (object), (outcome)))
#define ctxtrace_depends(kind, object, on_kind, on)                                                \
    CTXTRACE_TELL(depends((kind), (object), (on_kind), (on)))
#define ctxtrace_touch(kind, object, hint) CTXTRACE_TELL(touched((kind), (object), (hint)))
#define ctxtrace_adopt(kind, object)       CTXTRACE_TELL(moved((kind), (object), 0))

#ifdef __cplusplus
}
#endif

#endif
