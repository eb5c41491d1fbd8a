/* SPDX-License-Identifier: MIT */
/*
 * A dump as linked data: ids resolved to pointers, texts to C strings.
 *
 * What a record names but the dump does not contain is NULL here; texts are
 * NULL when unknown. Everything lives as long as the model. Frames are looked
 * up on first use, so that a stack nobody shows costs nothing.
 */
#ifndef REPORT_MODEL_H
#define REPORT_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "estimate.h"
#include "preload/format.h"
#include "reader.h"
#include "symbolize.h"
#include "tables.h"

struct finding;
struct context_node;

struct module {
    uint32_t id, flags; /* enum ctt_module_flags */
    uint64_t start, end, bias;
    const char *path;
    const char *base; /* of the path; never NULL */
    const char *build_id;
    int number;      /* the symbolizer's, or -1 */
    bool in_project; /* project.h */
    bool shown;      /* a frame of it was looked up */
    UT_hash_handle hh;
};

struct frame {
    const struct module *module; /* NULL: the pc lies in none */
    const char *function, *file;
    unsigned line;
    bool inlined;
    uint64_t offset;  /* from the function, else from the module, else the pc */
    uint64_t address; /* in the module's file */
};

struct stack {
    uint32_t id, flags, cut;
    uint32_t pc_count;
    uint64_t *pcs;
    size_t frame_count;
    size_t leaf_frames;   /* of these: the function that acquired, with what is inlined there */
    struct frame *frames; /* through model_frames() */
    bool shown;           /* a renderer's own mark */
    UT_hash_handle hh;
};

struct context {
    uint32_t id, kind, state, flags;
    struct context *parent;
    uint64_t created_ns, ended_ns;
    struct stack *created_stack, *ended_stack;
    const char *name, *cause, *trace_id, *span_id;
    const char *value_key, *value; /* one that may be shown */
    uint64_t deadline_ns;          /* its own, or an ancestor's; 0: none */
    uint64_t grace_ns;             /* its own; 0: the option's */
    struct task *task;             /* that made it */
    uint32_t parent_id, task_id;
    bool holds;                /* something that the dump lists */
    bool hidden;               /* by --trace */
    bool on_path;              /* hidden, and one below it is not */
    bool busy;                 /* it or one below it holds something, or a task is in it */
    uint32_t walk;             /* the loader's own mark */
    struct context_node *node; /* of the last context_tree_make() */
    UT_hash_handle hh;
};

struct task {
    uint32_t id, tid, flags, creator;
    struct context *context;
    struct stack *created_stack, *end_stack;
    uint64_t created_ns, ended_ns, wait_ns;
    const char *name, *state, *wait;
    struct task *thread;    /* of a declared one: whose thread is at work on it */
    struct task *job;       /* of a thread: the declared one that it is at work on */
    struct task *made_by;   /* creator */
    struct context *active; /* on the thread; NULL: not told */
    const char *why;        /* what it says that it waits for; NULL: it does not */
    uint64_t object;        /* what that is */
    uint64_t blocked_ns;    /* since when, as it says; 0: it does not */
    uint64_t serves;        /* of a declared one: the WaitGroup that counts it; 0: none */
    uint64_t entered_ns;    /* of a declared one: when a thread first came to it; 0: none has */
    bool told;              /* a detector's finding says already that it is late */
    uint32_t context_id, thread_id, active_id;
    bool hidden;              /* by --trace */
    struct holding *cleanups; /* that it has not run yet, newest first */
    UT_hash_handle hh;
};

/* One resource, or (memory) everything of one kind, stack and context. */
struct holding {
    uint32_t kind, flags;
    uint64_t handle, owner;
    uint32_t owner_kind;
    bool grouped;
    uint64_t count, bytes; /* of `estimate` */
    struct estimate estimate;
    uint64_t parts, parts_bytes;   /* lost memory: what is reached only through it */
    uint64_t oldest_ns, newest_ns; /* of acquisition */
    uint64_t last_used_ns;
    struct context *context;
    struct task *task;
    struct stack *stack;
    const char *detail, *name, *peer;
    uint32_t context_id, task_id, last_task;
    uint32_t source; /* descriptor that it is a copy of, plus 1; 0: none */
    struct stack *source_stack;
    bool hidden;             /* by --kind, --since or --trace */
    struct finding *finding; /* the detector that claimed it */
    struct holding *next_in_finding;
    struct holding *next_cleanup; /* of the same task */
    struct holding *prev, *next;
};

struct site_key {
    uint32_t stack, kind;
};

/* What became of everything that one stack ever acquired. */
struct site {
    struct site_key key;
    uint64_t acquired, released, acquired_bytes;
    struct stack *released_stack; /* of the last release */
    struct place {
        struct stack *stack;
        uint64_t count;
    } places[CTT_SITE_PLACES]; /* most frequent first */
    size_t place_count;
    uint64_t elsewhere;                           /* released at other places */
    uint64_t late, late_longest_ns, late_mean_ns; /* released after the context's end */
    const struct ctt_late *lateness;              /* of declared contexts; NULL: none was late */
    const struct ctt_series *series;              /* NULL: not followed */
    UT_hash_handle hh;
};

/* LATE and SERIES records, until their sites are known. */
struct course {
    struct site_key key;
    const struct ctt_late *lateness;
    const struct ctt_series *series;
    struct course *prev, *next;
};

struct mishap {
    uint32_t id, kind, owner_kind, error;
    uint64_t handle, owner, first_ns, last_ns, count, live, wanted;
    struct stack *stack, *acquired_stack, *released_stack;
    struct context *context;
    uint32_t context_id, task_id, released_task;
    uint32_t tasks; /* the most threads at once until then; 0: not told */
    struct mishap *next_in_finding;
    struct mishap *prev, *next;
};

/* What one stack held when the limit that this errno tells of was hit first. */
struct holder {
    uint32_t error, kind;
    struct stack *stack; /* NULL: of all stacks without a row of their own */
    uint64_t count, bytes, at_ns;
    struct holder *prev, *next;
};

/* A place that called a function into which faults were injected. */
struct injection {
    const char *function;
    const char *site; /* "app+0x1234": the return address, as --fail takes it; or NULL */
    uint64_t calls, failed;
    uint32_t error;      /* of the last failure */
    struct stack *stack; /* of the last failure, or NULL */
    struct injection *prev, *next;
};

struct dump_option {
    const char *key, *value;
    uint32_t origin;
    struct dump_option *prev, *next;
};

struct limit {
    const char *name, *unit;
    uint64_t used, soft, hard;
    struct limit *prev, *next;
};

struct counter {
    const char *name;
    uint64_t value;
    struct counter *prev, *next;
};

struct blind_spot {
    const char *kind, *note; /* kind NULL: a remark on the whole */
    uint32_t status;         /* enum ctt_health_status, of it alone */
    struct blind_spot *prev, *next;
};

struct kind_name {
    uint32_t id;
    const char *name, *unit;
    UT_hash_handle hh;
};

/* struct ctt_process with its texts resolved. */
struct process {
    bool known; /* the record was there */
    struct ctt_process facts;
    const char *exe, *name, *argv, *cwd, *host, *kernel, *libc, *arch, *tool_version, *trace_id;
    const char *cause; /* of a snapshot that nobody asked for */
    size_t argv_bytes;
    const char *suppressions; /* the program's own rules (rule.h) */
    size_t suppressions_bytes;
};

/* How memory was judged by what reaches it. */
struct reach {
    bool known; /* it was to be judged */
    struct ctt_reach facts;
    const char *note;
};

struct model {
    struct pool *pool;
    enum reader_fault fault;
    uint16_t format_major, format_minor;
    uint64_t strange_records; /* of a type, or in an order, we do not know */
    struct process process;
    struct reach reach;
    enum ctt_health_status health;
    struct dump_option *options;
    struct limit *limits;
    struct module *modules;
    struct stack *stacks;
    struct context *contexts;
    struct task *tasks;
    struct holding *holdings;
    struct site *sites;
    struct course *courses;
    struct mishap *mishaps;
    struct holder *holders;
    const char *injected; /* the rules of --fail; NULL: nothing was injected */
    struct injection *injections;
    uint64_t injectable_calls, injected_failures; /* with those of a fork's children */
    struct counter *counters;
    struct blind_spot *blind_spots;
    struct kind_name *kinds;
    struct symbolizer *symbolizer; /* NULL: frames stay without names */
};

/* Returns 0, or the fault (from READER_EMPTY on) that leaves nothing to show;
 * milder faults are in the model. `bytes` may go away afterwards. */
int model_load(struct model **ret_model, const void *bytes, size_t size);
struct model *model_free(struct model *model);

/* Gives frames their names. `options` may be NULL. */
void model_symbolize(struct model *model, const struct symbolizer_options *options);

/* The stack's source-level frames, innermost first. `stack` may be NULL. */
const struct frame *model_frames(struct model *model, struct stack *stack, size_t *ret_count);

/* Counters that are 0 are not in a dump. */
uint64_t model_counter(const struct model *model, const char *name);
struct context *model_context(const struct model *model, uint32_t id);
struct task *model_task(const struct model *model, uint32_t id);
struct stack *model_stack(const struct model *model, uint32_t id);
const struct limit *model_limit(const struct model *model, const char *name);
const struct site *model_site(const struct model *model, const struct stack *stack, uint32_t kind);
const char *model_kind_name(const struct model *model, uint32_t kind);
bool model_knows_kind(const struct model *model, const char *name);
const char *model_option(const struct model *model, const char *key);

/* What a context is called: by its own name, or that of the nearest declared one around it;
 * NULL: none has any. */
const char *context_label(const struct context *context);

/* The id of the trace that it belongs to: its own, or that of the nearest context around it;
 * NULL: none. */
const char *context_trace(const struct context *context);

/* Whether counts and bytes of the kind are estimates. */
bool model_is_sampled(const struct model *model, uint32_t kind);

/* True when the dump is of a process that has ended or is about to. */
bool model_is_end(const struct model *model);

/* `later` - `earlier`, or 0 where a damaged dump has them the other way. */
static inline uint64_t time_between(uint64_t earlier, uint64_t later)
{
    return later > earlier ? later - earlier : 0;
}

#endif
