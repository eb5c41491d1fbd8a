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
 * Any thread, not in a signal handler. errno is kept.
 *
 * The first call looks the tracker up (dlsym: before glibc 2.34 link with -ldl), and the
 * answer is kept, in each file that includes this.
 */
#ifndef CTXTRACE_ANNOTATE_H
#define CTXTRACE_ANNOTATE_H

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ctxtrace_attach_contexts;

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
};

/* Exported by the tracker. `client` is what a library offers it, size first; NULL: nothing.
 * NULL when the tracker does not watch this process. */
#define CTXTRACE_ATTACH "ctxtrace_preload_attach_v1"
typedef const struct ctxtrace_attach_v1 *ctxtrace_attach_function(const void *client);

/* NULL without the tracker. Two threads that come first at once both look. */
static inline const struct ctxtrace_attach_v1 *ctxtrace_attached(void)
{
    static const struct ctxtrace_attach_v1 none = {0, NULL, NULL, NULL, NULL, NULL, NULL, NULL};
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

#ifdef __cplusplus
}
#endif

#endif
