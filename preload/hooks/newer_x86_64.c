/* SPDX-License-Identifier: MIT */
/*
 * Functions that libc has got since the oldest one that we run on. Each stands here
 * under the version that it came with, and under no other: a program that looks
 * whether there is one (dlsym, a weak name) finds what it would find without us, and
 * the hook serves those alone that were linked with such a libc (hazards.md A5).
 *
 * Where libc has not got it after all the answer is the kernel's for a call that it
 * does not know. The names of versions are the architecture's own, here and in
 * exports.map.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>

#include "preload/ground/sys.h"
#include "preload/hooks/spawn.h"

/* ---- 2.39: children by descriptors ---- */

#define FDINFO_BYTES 256

/* 0: not known, or collected already. */
static pid_t pid_of(int pidfd)
{
    char path[sizeof "/proc/thread-self/fdinfo/" + 10], facts[FDINFO_BYTES];
    struct text text = TEXT_OF(path);
    text_add(&text, "/proc/thread-self/fdinfo/");
    text_add_u64(&text, (uint64_t)pidfd);
    const char *at = sys_slurp(path, facts, sizeof facts) > 0 ? strstr(facts, "\nPid:\t") : NULL;
    if (!at)
        return 0;
    at += strlen("\nPid:\t");
    return (pid_t)text_read_u64(&at);
}

static void spawned_by_descriptor(struct hook *hook, const struct call_site *site, int error,
                                  int pidfd)
{
    child_acquired(hook, site, error ? -error : pid_of(pidfd), DETAIL_SPAWN);
    if (!error)
        descriptor_acquired(hook, site, pidfd, CTT_KIND_EVENT, DETAIL_PIDFD);
}

#define SPAWNS_BY_DESCRIPTOR(function, name, searches)                                             \
    __typeof__(posix_spawn) function;                                                              \
    HOOK_VERSION(function, name, "GLIBC_2.39");                                                    \
    SPAWN_FUNCTION(function, searches, spawned_by_descriptor)

SPAWNS_BY_DESCRIPTOR(pidfd_spawn_2_39, pidfd_spawn, false)
SPAWNS_BY_DESCRIPTOR(pidfd_spawnp_2_39, pidfd_spawnp, true)

/* ---- 2.43 ---- */

int openat2_2_43(int directory, const char *path, const struct open_how *how, size_t bytes);
HOOK_VERSION(openat2_2_43, openat2, "GLIBC_2.43");
HOOK_EXPORT int openat2_2_43(int directory, const char *path, const struct open_how *how,
                             size_t bytes)
{
    __typeof__(&openat2_2_43) real = REAL(openat2_2_43);
    if (!real) {
        errno = ENOSYS;
        return -1;
    }
    int fd = real(directory, path, how, bytes);
    if (guard_may_record(GUARD_FRAME())) {
        struct call_site site = CALL_SITE();
        bool is_directory = fd >= 0 && how->flags & O_DIRECTORY;
        descriptor_acquired(&hook_openat2_2_43, &site, fd, CTT_KIND_FD,
                            is_directory ? DETAIL_DIRECTORY : DETAIL_FILE);
    }
    return fd;
}

/* What size it was is for allocators to check; where there is none of these, or it
 * is another's, the block is free()'s all the same. */
extern __typeof__(free) own_free;

#define FREES(function, name, params)                                                              \
    void function params;                                                                          \
    __asm__(".symver " #function ", " #name "@GLIBC_2.43, remove");                                \
    HOOK_EXPORT void function params                                                               \
    {                                                                                              \
        own_free(p);                                                                               \
    }

FREES(free_sized_2_43, free_sized, (void *p, size_t bytes))
FREES(free_aligned_sized_2_43, free_aligned_sized, (void *p, size_t alignment, size_t bytes))
