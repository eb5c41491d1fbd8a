/* SPDX-License-Identifier: MIT */
/*
 * What the tracker offers libctx: contexts, tasks, cleanups, and a place to tell of misuse.
 * Size first: later versions add to the end.
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

/* How a cleanup left the registry. */
enum ctxtrace_attach_cleanup {
    CTXTRACE_ATTACH_RAN = 0,
    CTXTRACE_ATTACH_DROPPED = 1, /* ctx_defer_cancel */
    CTXTRACE_ATTACH_SKIPPED = 2, /* its frame is gone */
};

/* The numbers are those of enum ctt_mishap_id in format.h; a test compares them. */
enum ctxtrace_attach_misuse {
    CTXTRACE_ATTACH_LOST_CANCEL = 17,
    CTXTRACE_ATTACH_WAITGROUP_NEGATIVE = 19,
    CTXTRACE_ATTACH_WAITGROUP_REUSED = 20,
    CTXTRACE_ATTACH_WAITGROUP_DESTROYED = 21,
    CTXTRACE_ATTACH_WAITGROUP_UNDONE = 22,
    CTXTRACE_ATTACH_POP_ORDER = 23,
    CTXTRACE_ATTACH_POP_ELSEWHERE = 24,
    CTXTRACE_ATTACH_LEFT_ATTACHED = 25,
    CTXTRACE_ATTACH_CONTEXT_RELEASED = 26,
    CTXTRACE_ATTACH_RECOVERED_NONE = 30,
};

/* What is held, for a program's own tests (ctxtrace_test.h). */
struct ctxtrace_held;
struct ctxtrace_held_query {
    uint32_t context; /* it and all below it; 0: any */
    int with_memory;
    uint64_t since; /* what mark gave; 0: whenever */
};
struct ctxtrace_attach_testing {
    size_t size;
    uint64_t (*mark)(void);
    /* -1: the tracker does not watch. */
    int (*each)(const struct ctxtrace_held_query *query,
                void (*tell)(const struct ctxtrace_held *held, void *arg), void *arg);
    int (*snapshot)(const char *path);
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
    /* Whoever has this word may end it, and those above it; one that was made to be ended
     * (with_cancel, with_timeout) is lost where nobody has it. */
    void (*owned)(uint32_t id, const void *handle, int is_to_end);
    /* Of a value that may be shown. */
    void (*valued)(uint32_t id, const char *key, const char *text);
    void (*graced)(uint32_t id, uint64_t ns);

    /* Tasks that the program declares. `serves`: the WaitGroup that counts it, or NULL. */
    uint32_t (*task_begun)(uint32_t context, const char *name, const void *serves,
                           const void *site_pc);
    void (*task_ended)(uint32_t task);
    /* The calling thread is at work on it (0: on none). What was before. */
    uint32_t (*task_entered)(uint32_t task);
    /* `task` 0: the calling thread itself. `why` NULL: it is not blocked any more. */
    void (*task_blocked)(uint32_t task, const char *why, const void *object);

    /* A cleanup is known by the address of its entry, which is in its frame. `fn` is what
     * it calls. Charged to the calling thread, its context, and the stack. */
    void (*cleanup_registered)(const void *entry, const void *fn, const void *site_pc);
    void (*cleanup_over)(const void *entry, int how);

    /* enum ctxtrace_attach_misuse. `context` 0: the active one. `count`: of what is not done;
     * WAITGROUP_UNDONE of 0: it came to its end after all. */
    void (*misused)(int what, const void *object, uint32_t context, uint64_t count,
                    const void *site_pc);
};

#endif
