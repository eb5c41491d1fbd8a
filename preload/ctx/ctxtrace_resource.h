/* SPDX-License-Identifier: MIT */
/*
 * ctxtrace_resource.h: resources and contexts, told to the tracker. Part of ctxtrace.h; what
 * needs no libctx is in ctxtrace_annotate.h (ctx_acquire, ctx_give_back, ctx_depends,
 * ctx_touch, ctx_adopt, ctx_ignore_X, ctx_root_range).
 *
 * Without the tracker all of it does nothing. Any thread, not in a signal handler. The ints
 * are 0, or -1: there is no tracker, or it knows no such thing. errno is kept.
 */
#ifndef CTXTRACE_RESOURCE_H
#define CTXTRACE_RESOURCE_H

#include "ctxtrace.h"
#include "ctxtrace_annotate.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* From now on `to` (NULL: the process) holds it, and must outlive it: a connection that goes
 * back to its pool, a buffer that is handed to another request. `kind` is one of the program's
 * own, or CTXTRACE_STREAM, CTXTRACE_DIR. */
int ctxtrace_transfer(const char *kind, const void *object, ctxtrace_t *to);
int ctxtrace_fd_transfer(int fd, ctxtrace_t *to);
int ctxtrace_mem_transfer(const void *block, ctxtrace_t *to);

/* A remark that stands with the context in reports, at most 95 bytes; the last one is kept. */
void ctxtrace_note(ctxtrace_t *context, const char *key, const char *format, ...) CTXTRACE_PRINTF;
/* How long after its end what it holds is not told yet, in a snapshot: instead of grace=. */
void ctxtrace_grace(ctxtrace_t *context, uint64_t ns);

#pragma GCC visibility pop

#ifndef CTXTRACE_NO_SHORT_NAMES
#define ctx_acquire        ctxtrace_acquire
#define ctx_give_back      ctxtrace_give_back
#define ctx_depends        ctxtrace_depends
#define ctx_touch          ctxtrace_touch
#define ctx_adopt          ctxtrace_adopt
#define ctx_ignore_begin   ctxtrace_ignore_begin
#define ctx_ignore_end     ctxtrace_ignore_end
#define ctx_ignore_mem     ctxtrace_ignore_mem
#define ctx_ignore_fd      ctxtrace_ignore_fd
#define ctx_root_range     ctxtrace_root_range
#define ctx_root_range_end ctxtrace_root_range_end
#define ctx_transfer       ctxtrace_transfer
#define ctx_fd_transfer    ctxtrace_fd_transfer
#define ctx_mem_transfer   ctxtrace_mem_transfer
#define ctx_note           ctxtrace_note
#define ctx_grace          ctxtrace_grace
#define CTX_FD             CTXTRACE_FD
#define CTX_STREAM         CTXTRACE_STREAM
#define CTX_DIR            CTXTRACE_DIR
#define CTX_NUMBER         CTXTRACE_NUMBER
#define CTX_OK             CTXTRACE_OK
#define CTX_ERROR          CTXTRACE_ERROR
#define CTX_ABANDONED      CTXTRACE_ABANDONED
#endif

#ifdef __cplusplus
}
#endif

#endif
