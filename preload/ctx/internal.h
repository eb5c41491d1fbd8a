/* SPDX-License-Identifier: MIT */
/*
 * What libctx's files share: the context itself, and the rules of its locks.
 *
 * Locks. A context is guarded by one of a few stripes, chosen by its address, and no two of
 * them are ever held at once: so they cannot be taken in a wrong order, and a fork can take
 * all of them, which it could not with a lock in each context. Order:
 *
 *     a walk (a fork: none of them) -> a stripe -> the helper's, the descriptors', the pool's
 *
 * Nothing of the program (destroy, after functions) is called with a lock held.
 *
 * A handle is the context's address and, in its lowest bits, which use of the slot it names.
 * Only the public functions see handles (libctx_look, libctx_handle). A task's is the same.
 */
#ifndef CTXTRACE_CTX_INTERNAL_H
#define CTXTRACE_CTX_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/ctx/attach.h"
#include "preload/ctx/ctxtrace.h"

#define SLOT_BYTES  256u /* and alignment: the handle's lowest bits count its uses */
#define GENERATIONS SLOT_BYTES
/* An after function's handle has room above the address, too. */
#define WIDE_SHIFT       48
#define WIDE_GENERATIONS (sizeof(void *) == 8 ? UINT32_C(1) << 24 : GENERATIONS)
#define CAUSE_BYTES      256
#define TRACE_ID_BYTES   64
#define STRIPES          32u /* with all else that a fork takes below TSan's limit of 64 locks */
#define NANOSECONDS      INT64_C(1000000000)
#define NO_DEADLINE      UINT64_C(0)
#define LIKELY(what)     __builtin_expect(!!(what), 1)
#define UNLIKELY(what)   __builtin_expect(!!(what), 0)
#define STATIC_TLS       __attribute__((tls_model("initial-exec")))

enum slot_use { SLOT_FREE, SLOT_CONTEXT, SLOT_AFTER, SLOT_TASK, SLOT_USES };

/* The beginning of whatever lives in the pool. Memory of the pool stays there for ever, so
 * that an old handle can be looked at. */
struct slot {
    _Atomic uint32_t generation; /* from 1; 0 for what is not in the pool */
    uint8_t use;                 /* enum slot_use; guarded by its shard */
    uint8_t pool;                /* the only use it ever has; fixed */
    uint8_t shard;
    _Atomic uint8_t stripe; /* of an after function's context */
};

enum context_kind {
    KIND_ROOT, /* background, todo, released: for ever, and without a list of children */
    KIND_CANCEL,
    KIND_DEADLINE,
    KIND_VALUE,
    KIND_NAME,
    KIND_TRACE,
    KIND_PLAIN, /* was to have a trace, which was not valid */
    KIND_WITHOUT_CANCEL,
};

/* Shared by all contexts that ended for it. */
struct cause {
    _Atomic int references;
    char text[];
};

struct trace {
    char trace_id[TRACE_ID_BYTES];
    char span_id[TRACE_ID_BYTES];
    uint8_t flags;
    bool is_w3c;
};

struct after;
struct fd_row;

struct context {
    struct slot slot;
    _Atomic int err;      /* 0, ECANCELED, ETIMEDOUT; set once, under the stripe */
    uint64_t deadline_ns; /* its own or an ancestor's; fixed */
    _Atomic int references;
    _Atomic int settled;       /* all descendants have ended, too */
    _Atomic uint32_t sleepers; /* threads that wait for it: wait.c */
    uint8_t kind;              /* enum context_kind */
    uint8_t state;             /* enum ctxtrace_attach_state; 0: active; stripe */
    bool linked;               /* in its parent's list; the parent's stripe */
    bool marked_here;          /* by whoever walks the list that it is in */
    _Atomic uint32_t tracker;  /* its number there, 0: none */
    _Atomic uint64_t id;       /* 0: nobody asked yet */
    struct context *parent;    /* owned; NULL for roots */
    struct context *deadline_owner;
    struct context *first_child;   /* stripe */
    struct context *next, *before; /* siblings: the parent's stripe, then the walk's own */
    struct context *labelled;      /* nearest with a value, name or trace, itself included */
    struct after *afters;          /* stripe */
    struct cause *cause;           /* stripe; NULL: no text */
    struct cause *deadline_cause;  /* of the owner; fixed */
    int cause_code, deadline_code;
    _Atomic int fd;             /* -1: none; set under the stripe */
    _Atomic int signal_code;    /* 0: not cancelled by a signal handler */
    _Atomic uint64_t signal_ns; /* when; set before the code */
    struct context *signal_next;
    struct fd_row *fd_row; /* done_fd.c; NULL: none */
    const struct ctxtrace_site *site;
    const void *site_pc;
    union {
        struct {
            const struct ctxtrace_key *key;
            void *value;
        };
        char *name;
        struct trace *trace;
    };
};

/* How a context ends. */
struct ending {
    int err, code;
    enum ctxtrace_attach_state state; /* of the one that is ended; the others: `below` */
    enum ctxtrace_attach_state below;
    struct cause *cause; /* borrowed; NULL: none */
    uint64_t when_ns;    /* 0: now */
};

/* ---- context.c ---- */

extern struct context libctx_background, libctx_todo, libctx_released;
extern _Atomic uint64_t libctx_counts[CTXTRACE_COUNTS];
extern pthread_mutex_t libctx_stripes[STRIPES];

static inline unsigned libctx_stripe(const struct context *context)
{
    uintptr_t slot = (uintptr_t)context / SLOT_BYTES;
    return (unsigned)((slot ^ slot >> 6) % STRIPES);
}

static inline void libctx_lock(const struct context *context)
{
    pthread_mutex_lock(&libctx_stripes[libctx_stripe(context)]);
}

static inline void libctx_unlock(const struct context *context)
{
    pthread_mutex_unlock(&libctx_stripes[libctx_stripe(context)]);
}

/* Whether it is one still; not counted. */
static inline bool libctx_lives(const ctxtrace_t *handle)
{
    const struct slot *slot =
        (const struct slot *)((uintptr_t)handle & ~(uintptr_t)(SLOT_BYTES - 1));
    return handle &&
           atomic_load_explicit(&((struct slot *)slot)->generation, memory_order_relaxed) ==
               ((uintptr_t)handle & (SLOT_BYTES - 1));
}

static inline void libctx_count(enum ctxtrace_count what)
{
    atomic_fetch_add_explicit(&libctx_counts[what], 1, memory_order_relaxed);
}

static inline ctxtrace_t *libctx_handle(const struct context *context)
{
    uint32_t generation =
        atomic_load_explicit(&((struct context *)context)->slot.generation, memory_order_relaxed);
    return (ctxtrace_t *)((uintptr_t)context | generation);
}

/* Counts what is no context, and gives a root in its place. */
struct context *libctx_look_odd(const ctxtrace_t *handle);

static inline struct context *libctx_look(const ctxtrace_t *handle)
{
    struct context *context = (struct context *)((uintptr_t)handle & ~(uintptr_t)(SLOT_BYTES - 1));
    if (LIKELY(handle) &&
        LIKELY(atomic_load_explicit(&context->slot.generation, memory_order_relaxed) ==
               ((uintptr_t)handle & (SLOT_BYTES - 1))) &&
        LIKELY(context->slot.pool == SLOT_CONTEXT))
        return context;
    return libctx_look_odd(handle);
}

/* False for one whose last owner is gone. Under a lock that keeps it from being freed. */
bool libctx_try_ref(struct context *context);
void libctx_ref(struct context *context);
/* Frees it when that was the last; under no lock. */
void libctx_unref(struct context *context);
ctxtrace_t *libctx_with_cancel(const struct ctxtrace_site *site, ctxtrace_t *parent,
                               const void *site_pc);
/* `trace` NULL: it was not valid. */
ctxtrace_t *libctx_with_trace(const struct ctxtrace_site *site, ctxtrace_t *parent,
                              const struct trace *trace, const void *site_pc);
struct cause *libctx_cause_new(const char *text);
struct cause *libctx_cause_ref(struct cause *cause);
void libctx_cause_unref(struct cause *cause);

/* ---- pool.c ---- */

/* Zeroes but for the slot's head; NULL without memory. */
void *libctx_pool_take(enum slot_use use);
/* From now on its handles are old. */
void libctx_pool_give(struct slot *slot);
/* Calls `see` for all of this use, with the pool locked. */
void libctx_pool_each(enum slot_use use, void (*see)(void *one));
void libctx_pool_lock(void);
void libctx_pool_unlock(void);

/* ---- cancel.c ---- */

/* For a fork: until there is none, and none begins. */
void libctx_walks_stop(void);
void libctx_walks_go_on(void);
/* In the child, before they go on. */
void libctx_walks_forked(void);

void libctx_end(struct context *context, const struct ending *how);
/* Enters it as a child of its parent; ends it when the parent has ended. */
void libctx_link(struct context *context);
void libctx_unlink(struct context *context);
/* Its err, after all that could end it: a deadline, a handler. Not in a handler. */
int libctx_look_at_end(struct context *context);
uint64_t libctx_now(void);

/* ---- signal.c ---- */

/* Contexts that a handler has cancelled, and that nobody has walked yet. */
extern _Atomic int libctx_signalled;
void libctx_attend_signals(void);
/* Which of it and its ancestors a handler cancelled; NULL: none. In a handler, too. */
struct context *libctx_signalled_by(struct context *context);
/* The same, unless its deadline had come by then. */
struct context *libctx_signalled_first(struct context *context);
struct ending libctx_signal_ending(const struct context *context);
/* The walk for it, whoever makes it. */
void libctx_signal_end(struct context *context);
extern _Atomic bool libctx_helper_wanted;

/* First thing in whatever takes locks. */
static inline void libctx_attend(void)
{
    if (UNLIKELY(atomic_load(&libctx_signalled) || atomic_load(&libctx_helper_wanted)))
        libctx_attend_signals();
}

/* ---- wait.c ---- */

/* Until *word is not 0 (true), until_ns (0: never) has come, or perhaps for nothing. */
bool libctx_park(struct context *context, _Atomic int *word, uint64_t until_ns);
/* After a word was set. */
void libctx_wake_stripe(unsigned stripe);
/* In a handler, too. */
void libctx_wake_all(void);
void libctx_futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t until_ns);
void libctx_futex_wake(_Atomic uint32_t *word);

/* Sleeping for an object's sake, and until the context ends. Between the begin and the sleep the
 * caller looks whether it is to sleep, and leaves `beds` where who changes the object finds it. */
struct doze {
    struct context *context;
    struct bed *bed;
    uint32_t bell; /* as it was before the caller looked */
    uint32_t whom; /* who else is in the bed is not woken */
    uint32_t beds; /* of BED_BITS */
};
#define BED_BITS 16u

void libctx_doze_begin(struct doze *doze, struct context *context, const void *object);
/* Perhaps for nothing. */
void libctx_doze_sleep(struct doze *doze, uint64_t until_ns);
void libctx_doze_end(struct doze *doze);
/* Those who doze for it. Its address says who they are; it may be gone. */
void libctx_rouse(uint32_t beds, const void *object);

/* ---- done_fd.c ---- */

/* -1 and errno. */
int libctx_fd_get(struct context *context);
/* With its stripe locked. */
void libctx_fd_ended(struct context *context);
void libctx_fd_close(struct context *context);
/* In a handler: those of it and its descendants become readable. */
void libctx_fd_signal(const struct context *context);
void libctx_fd_lock(void);
void libctx_fd_unlock(void);
void libctx_fd_forked(void);

/* ---- after.c ---- */

/* With its stripe locked: the functions that are to be called now. */
struct after *libctx_after_detach(struct context *context);
/* Puts `list` before `rest`. */
struct after *libctx_after_join(struct after *list, struct after *rest);
/* Hands them to the helper; under no lock. */
void libctx_after_queue(struct after *list);
/* Those of a context that is going. */
void libctx_after_drop_all(struct context *context);
void libctx_helper_wake(void);
void libctx_helper_start(void);
void libctx_helper_lock(void);
void libctx_helper_unlock(void);
void libctx_helper_forked(void);
/* In the child, under no lock: what was to wake threads that are not there. */
void libctx_after_forked(void);
/* A function that wakes the calling thread. */
ctxtrace_after_t *libctx_after_wake(ctxtrace_t *handle, void (*fn)(void *arg), void *arg);

/* ---- tracker.c ---- */

extern _Atomic(const struct ctxtrace_attach_contexts *) libctx_tracker;

static inline const struct ctxtrace_attach_contexts *libctx_tracked(void)
{
    return atomic_load_explicit(&libctx_tracker, memory_order_acquire);
}

void libctx_tell_made(struct context *context, const void *site_pc);
void libctx_tell_ended(struct context *context);
void libctx_tell_dropped(struct context *context);
/* For a todo, which is made once. */
void libctx_tell_todo(const void *site_pc);
/* The tracker's number of a task; 0: none. `serves` may be NULL. */
uint32_t libctx_tell_task(struct context *context, const char *name, const void *serves,
                          const void *site_pc);
void libctx_tell_task_ended(uint32_t task);
/* What the calling thread was at work on before. */
uint32_t libctx_tell_task_entered(uint32_t task);
/* `task` 0: the calling thread. `why` NULL: goes on. */
void libctx_tell_blocked(uint32_t task, const char *why, const void *object);
void libctx_tell_cleanup(const void *entry, const void *fn, const void *site_pc);
void libctx_tell_cleanup_over(const void *entry, enum ctxtrace_attach_cleanup how);
/* `context` may be NULL: the active one. */
void libctx_tell_misuse(enum ctxtrace_attach_misuse what, const void *object,
                        struct context *context, uint64_t count, const void *site_pc);
void libctx_tell_remark(struct context *context, const char *key, const char *text);
void libctx_tell_grace(struct context *context, uint64_t ns);
/* The tracker's number of a context; 0: none. */
uint32_t libctx_number(const struct context *context);
/* NULL: no tracker, or one that cannot be asked. */
const struct ctxtrace_attach_testing *libctx_testing(void);
/* What the thread acquires from now on is charged to this context, and not to the active one,
 * for which it need not be; until it is given back what was before. */
uint32_t libctx_tell_charged(const struct context *context);
void libctx_tell_charged_before(uint32_t before);
/* libctx's own: not the program's leaks. */
void libctx_tell_own_fd(int fd);
void libctx_tell_own_begin(void);
void libctx_tell_own_end(void);

/* ---- fork.c ---- */

/* Before there is anything that a child would have to find whole. */
void libctx_fork_watch(void);

/* ---- misuse.c ---- */

/* Counted, and told (libctx_tell_misuse). */
void libctx_misused(enum ctxtrace_attach_misuse what, const void *object, struct context *context,
                    uint64_t count, const void *site_pc);

/* ---- thread.c ---- */

/* What is called when the calling thread ends: libctx_go_end, libctx_registry_end,
 * libctx_active_end. False: without a key, or memory, the end will not be noticed. */
bool libctx_thread_watch(void);

/* ---- loaded.c ---- */

/* Before a thread is made. */
void libctx_stay_loaded(void);

/* ---- active.c ---- */

/* False: it was none that is on the thread's stack. */
bool libctx_pop(ctxtrace_token_t *token, const void *site_pc);
/* A pop at the end of what was begun with the push: what lies above was left attached. */
void libctx_pop_left(ctxtrace_token_t *token);
/* After a push: the tracker's number of what the thread is at work on until its pop. */
void libctx_enter_task(ctxtrace_token_t *token, uint32_t task);
/* Of the calling thread. */
void libctx_active_end(void);
/* The thread's active context, told to a tracker that came only now. */
void libctx_active_replay(void);
/* For a longjmp: what is active now, and back to it. */
void libctx_active_keep(ctxtrace_token_t *ret_kept);
void libctx_active_back(const ctxtrace_token_t *kept);

/* ---- elsewhere.c ---- */

void libctx_elsewhere_lock(void);
void libctx_elsewhere_unlock(void);

/* ---- registry.c ---- */

/* What the calling thread has pending is skipped. */
void libctx_registry_end(void);

/* ---- waitgroup.c ---- */

void libctx_wg_add(struct ctxtrace_waitgroup *group, int count, const void *site_pc);
/* 0, or the context's err. */
int libctx_wg_wait(struct ctxtrace_waitgroup *group, struct context *context, const void *site_pc);

/* ---- delay.c ---- */

struct delays;
/* Those of a name; NULL where there is no room for it, which is counted. */
struct delays *libctx_delays_of(const char *name);
/* `is_thread`: for one that is only being made. NULL is none. */
void libctx_delay_begin(struct delays *delays, bool is_thread);
void libctx_delay_end(struct delays *delays, bool is_thread, uint64_t begun_ns);
/* It never came to work. */
void libctx_delay_drop(struct delays *delays, bool is_thread);
/* In the child, where those threads never come. */
void libctx_delays_forked(void);

/* ---- go.c ---- */

/* What a thread of ctx_go is to do. */
struct errand {
    const char *name;
    void (*fn)(void *arg);
    void *arg;
    size_t copied; /* 0: arg itself is given to fn */
    struct ctxtrace_waitgroup *group;
    /* Called last on the thread, however it ends; NULL: the group is told that it is done. */
    void (*over)(struct ctxtrace_waitgroup *group);
};

/* 0, or why not: nothing of it is called then, and the group is as it was. */
int libctx_go(const struct errand *errand, ctxtrace_t *handle, const void *site_pc);
/* Of the calling thread, where that was not seen before. */
void libctx_go_end(void);

#endif
