/* SPDX-License-Identifier: MIT */
/*
 * What the hooks' shapes call: for each family of resources, how an acquisition
 * is entered, a release taken out, a use noted. Plain functions over the books;
 * every one keeps errno.
 */
#ifndef HOOKS_FAMILY_H
#define HOOKS_FAMILY_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "preload/books/fdtable.h"
#include "preload/books/keytable.h"
#include "preload/books/ledger.h"
#include "preload/books/mishap.h"
#include "preload/facts/stack.h"
#include "preload/facts/task.h"
#include "preload/ground/hook.h"

/* The acquisition stack of a hook's caller, with the real function innermost. */
uint32_t family_stack(struct hook *hook, const struct call_site *site);

/* ---- descriptors ---- */

/* fd < 0: the call failed; EMFILE and ENFILE are noted as D20. */
void descriptor_acquired(struct hook *hook, const struct call_site *site, int fd,
                         enum ctt_kind_id kind, enum holding_detail detail);

/* A family for ACQUIRES: `FD_FAMILY(epoll, CTT_KIND_EVENT, DETAIL_EPOLL)`. */
#define FD_FAMILY(family, kind, detail)                                                            \
    static inline void family##_acquired(struct hook *hook, const struct call_site *site, int fd)  \
    {                                                                                              \
        descriptor_acquired(hook, site, fd, kind, detail);                                         \
    }

/* A descriptor between "about to be closed" and "closed or not". */
struct fd_release {
    int fd;
    bool had;
    uint32_t stack;
    struct holding_copy was;
    uint32_t earlier_stack, earlier_acquired_stack, earlier_task; /* its last release */
};
void fd_releasing(struct fd_release *release, struct hook *hook, const struct call_site *site,
                  int fd);
/* result as close() gives it. -1 with EBADF: nothing was there (double close,
 * D19); any other error released the descriptor all the same (Linux: E3). */
void fd_released(struct fd_release *release, intptr_t result);
/* The real call did not release after all (dup2 failed): as if never taken. */
void fd_put_back(struct fd_release *release);
void fd_used(int fd);

/* ---- streams and directories: each owns its descriptor (E6, D25) ---- */

void stream_acquired(struct hook *hook, const struct call_site *site, FILE *stream);
void directory_acquired(struct hook *hook, const struct call_site *site, DIR *directory);
/* `handle` and the descriptor under it are taken out together, before. */
struct handle_release {
    enum ctt_kind_id kind;
    struct holding_copy was;
    struct fd_release fd;
    bool had;
};
void stream_releasing(struct handle_release *release, struct hook *hook,
                      const struct call_site *site, FILE *stream);
void directory_releasing(struct handle_release *release, struct hook *hook,
                         const struct call_site *site, DIR *directory);
/* fclose, pclose, closedir release whatever they return. */
void handle_released(struct handle_release *release);

/* ---- memory (hooks/memory.c is the only user) ---- */

void block_acquired(struct hook *hook, const struct call_site *site, void *address, size_t bytes);

/* ---- threads and children ---- */

void child_acquired(struct hook *hook, const struct call_site *site, int pid,
                    enum holding_detail detail);
void child_collected(int pid);

#endif
