/* SPDX-License-Identifier: MIT */
/*
 * What the tracker offers libctx: contexts. Size first: later versions add to the end.
 *
 * Ids are the tracker's; 0 is none (no room). All keep errno; none is to be called in a
 * signal handler.
 */
#ifndef CTXTRACE_CTX_ATTACH_H
#define CTXTRACE_CTX_ATTACH_H

#include <stddef.h>
#include <stdint.h>

enum ctxtrace_attach_state {
    CTXTRACE_ATTACH_CANCELLED = 1,
    CTXTRACE_ATTACH_DEADLINE = 2,
    CTXTRACE_ATTACH_OK = 3,
    CTXTRACE_ATTACH_ERROR = 4,
    CTXTRACE_ATTACH_ABANDONED = 5,
};

struct ctxtrace_attach_contexts {
    size_t size;
    /* Texts are copied. `parent` 0: the process. */
    uint32_t (*made)(uint32_t parent, const char *name, const void *site_pc);
    void (*named)(uint32_t id, const char *name);
    void (*traced)(uint32_t id, const char *trace_id, const char *span_id);
    void (*ended)(uint32_t id, int state, const char *cause);
    void (*dropped)(uint32_t id);
    /* The calling thread's active context; 0: its own again. What was before. */
    uint32_t (*entered)(uint32_t id);
    void (*deadline)(uint32_t id, uint64_t monotonic_ns);
};

#endif
