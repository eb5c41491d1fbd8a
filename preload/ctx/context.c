/* SPDX-License-Identifier: MIT */
/*
 * Contexts: made as a child, owned by a count, gone with the last owner. Each owns its parent,
 * a parent only lists its children, so a tree is given back from its leaves.
 */
#include "preload/ctx/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOT(number)                                                                               \
    {                                                                                              \
        .slot.pool = SLOT_CONTEXT, .references = 1, .settled = 1, .kind = KIND_ROOT,               \
        .id = (number), .fd = -1                                                                   \
    }

struct context libctx_background __attribute__((aligned(SLOT_BYTES))) = ROOT(1);
struct context libctx_todo __attribute__((aligned(SLOT_BYTES))) = ROOT(2);
/* Stands for whatever was used after its last release. */
struct context libctx_released __attribute__((aligned(SLOT_BYTES))) = {
    .slot.pool = SLOT_CONTEXT,
    .references = 1,
    .settled = 1,
    .kind = KIND_ROOT,
    .id = 3,
    .fd = -1,
    .err = ECANCELED,
    .state = CTXTRACE_ATTACH_CANCELLED,
    .cause_code = EBADF,
};
_Atomic uint64_t libctx_counts[CTXTRACE_COUNTS];
pthread_mutex_t libctx_stripes[STRIPES] = {[0 ... STRIPES - 1] = PTHREAD_MUTEX_INITIALIZER};

struct context *libctx_look_odd(const ctxtrace_t *handle)
{
    libctx_count(handle ? CTXTRACE_COUNT_RELEASED : CTXTRACE_COUNT_NULL);
    if (handle)
        libctx_tell_misuse(CTXTRACE_ATTACH_CONTEXT_RELEASED, handle, NULL, 0, NULL);
    return handle ? &libctx_released : &libctx_background;
}

uint64_t ctxtrace_counted(enum ctxtrace_count what)
{
    return (unsigned)what < CTXTRACE_COUNTS ? atomic_load(&libctx_counts[what]) : 0;
}

/* ---- owners ---- */

bool libctx_try_ref(struct context *context)
{
    int owners = atomic_load_explicit(&context->references, memory_order_relaxed);
    while (owners > 0)
        if (atomic_compare_exchange_weak(&context->references, &owners, owners + 1))
            return true;
    return false;
}

void libctx_ref(struct context *context)
{
    if (context->kind != KIND_ROOT)
        atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
}

/* It ended, if only just now, without anybody having looked. */
static void context_settle_state(struct context *context)
{
    bool was_to_end = context->kind == KIND_CANCEL || context->kind == KIND_DEADLINE;
    if (context->state)
        return;
    if (libctx_signalled_first(context)) {
        context->state = CTXTRACE_ATTACH_CANCELLED;
    } else if (context->deadline_ns && libctx_now() >= context->deadline_ns) {
        context->state = CTXTRACE_ATTACH_DEADLINE;
    } else if (was_to_end) {
        context->state = CTXTRACE_ATTACH_ABANDONED;
        libctx_count(CTXTRACE_COUNT_ABANDONED);
        libctx_tell_misuse(CTXTRACE_ATTACH_LOST_CANCEL, libctx_handle(context), context, 0, NULL);
    } else {
        context->state = CTXTRACE_ATTACH_ABANDONED; /* a label: nothing was ended */
    }
    libctx_tell_ended(context);
}

/* A thread that is cancelled in it would leave the parents unreleased. */
static void destroy_whole(void (*destroy)(void *), void *value)
{
    int before = 0;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    destroy(value);
    pthread_setcancelstate(before, &before);
}

/* Nobody owns it. Those who still find it (its parent's list, the helper, a handler) do so
 * under the locks that are taken here one after the other. Returns its parent. */
static struct context *context_retire(struct context *context)
{
    struct context *parent = context->parent;
    void (*destroy)(void *) = NULL;
    void *value = NULL;
    libctx_unlink(context);
    libctx_after_drop_all(context);
    libctx_fd_close(context);
    context_settle_state(context);
    libctx_tell_dropped(context);
    libctx_cause_unref(context->cause);
    libctx_cause_unref(context->deadline_cause);
    if (context->kind == KIND_VALUE) {
        destroy = context->key->destroy;
        value = context->value;
    } else if (context->kind == KIND_NAME) {
        free(context->name);
    } else if (context->kind == KIND_TRACE) {
        free(context->trace);
    }
    libctx_pool_give(&context->slot);
    if (destroy)
        destroy_whole(destroy, value);
    return parent;
}

/* A loop, since chains of parents may be long. */
void libctx_unref(struct context *context)
{
    while (context && context->kind != KIND_ROOT &&
           atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) == 1)
        context = context_retire(context);
}

ctxtrace_t *ctxtrace_ref(ctxtrace_t *handle)
{
    libctx_ref(libctx_look(handle));
    return handle;
}

void ctxtrace_release(ctxtrace_t *handle)
{
    if (!handle)
        return;
    int before = errno;
    libctx_attend();
    libctx_unref(libctx_look(handle));
    errno = before;
}

void ctxtrace_end_owned(ctxtrace_t **handle)
{
    if (!handle || !*handle)
        return;
    ctxtrace_cancel(*handle);
    ctxtrace_release(*handle);
}

/* ---- causes ---- */

struct cause *libctx_cause_new(const char *text)
{
    if (!text)
        return NULL;
    size_t length = strnlen(text, CAUSE_BYTES - 1);
    libctx_tell_own_begin(); /* it may outlive what is active by far */
    struct cause *cause = malloc(sizeof *cause + length + 1);
    libctx_tell_own_end();
    if (!cause) {
        libctx_count(CTXTRACE_COUNT_CAUSES_DROPPED);
        return NULL;
    }
    atomic_init(&cause->references, 1);
    memcpy(cause->text, text, length);
    cause->text[length] = '\0';
    return cause;
}

struct cause *libctx_cause_ref(struct cause *cause)
{
    if (cause)
        atomic_fetch_add_explicit(&cause->references, 1, memory_order_relaxed);
    return cause;
}

void libctx_cause_unref(struct cause *cause)
{
    if (cause && atomic_fetch_sub_explicit(&cause->references, 1, memory_order_acq_rel) == 1)
        free(cause);
}

/* ---- making ---- */

static struct context *context_new(enum context_kind kind, struct context *parent,
                                   const struct ctxtrace_site *site)
{
    libctx_attend();
    struct context *context = libctx_pool_take(SLOT_CONTEXT);
    if (!context) {
        errno = ENOMEM;
        return NULL;
    }
    atomic_init(&context->references, 1);
    atomic_init(&context->fd, -1);
    context->kind = kind;
    context->parent = parent;
    libctx_ref(parent);
    context->labelled =
        kind == KIND_VALUE || kind == KIND_NAME || kind == KIND_TRACE ? context : parent->labelled;
    context->site = site;
    if (kind != KIND_WITHOUT_CANCEL) {
        context->deadline_ns = parent->deadline_ns;
        context->deadline_owner = parent->deadline_owner;
    }
    return context;
}

/* All of it is filled in: others may see it. */
static ctxtrace_t *context_publish(struct context *context, const void *site_pc)
{
    libctx_tell_made(context, site_pc);
    libctx_link(context);
    return libctx_handle(context);
}

/* What was to be given to it could not be made. */
static ctxtrace_t *context_give_up(struct context *context)
{
    struct context *parent = context->parent;
    libctx_pool_give(&context->slot);
    libctx_unref(parent);
    errno = ENOMEM;
    return NULL;
}

ctxtrace_t *ctxtrace_background(void)
{
    return libctx_handle(&libctx_background);
}

ctxtrace_t *ctxtrace_todo(void)
{
    libctx_tell_todo(__builtin_return_address(0));
    return libctx_handle(&libctx_todo);
}

ctxtrace_t *libctx_with_cancel(const struct ctxtrace_site *site, ctxtrace_t *parent,
                               const void *site_pc)
{
    struct context *context = context_new(KIND_CANCEL, libctx_look(parent), site);
    return context ? context_publish(context, site_pc) : NULL;
}

ctxtrace_t *ctxtrace_with_cancel_at(const struct ctxtrace_site *site, ctxtrace_t *parent)
{
    return libctx_with_cancel(site, parent, __builtin_return_address(0));
}

#define NEVER UINT64_MAX /* no deadline of its own */

static ctxtrace_t *context_with_deadline(const struct ctxtrace_site *site, ctxtrace_t *parent,
                                         uint64_t deadline_ns, int code, const char *cause,
                                         const void *site_pc)
{
    struct context *context = context_new(KIND_DEADLINE, libctx_look(parent), site);
    if (!context)
        return NULL;
    bool is_first = !context->deadline_ns || deadline_ns < context->deadline_ns;
    if (deadline_ns != NEVER && is_first) {
        context->deadline_ns = deadline_ns ? deadline_ns : 1;
        context->deadline_owner = context;
        context->deadline_code = code ? code : ETIMEDOUT;
        context->deadline_cause = libctx_cause_new(cause);
    }
    ctxtrace_t *handle = context_publish(context, site_pc);
    libctx_look_at_end(context);
    return handle;
}

ctxtrace_t *ctxtrace_with_deadline_at(const struct ctxtrace_site *site, ctxtrace_t *parent,
                                      uint64_t deadline_ns, int code, const char *cause)
{
    return context_with_deadline(site, parent, deadline_ns, code, cause,
                                 __builtin_return_address(0));
}

ctxtrace_t *ctxtrace_with_timeout_at(const struct ctxtrace_site *site, ctxtrace_t *parent,
                                     int64_t ns, int code, const char *cause)
{
    uint64_t deadline_ns =
        ns == CTXTRACE_FOREVER ? NEVER : libctx_now() + (ns > 0 ? (uint64_t)ns : 0);
    return context_with_deadline(site, parent, deadline_ns, code, cause,
                                 __builtin_return_address(0));
}

ctxtrace_t *ctxtrace_with_value_at(const struct ctxtrace_site *site, ctxtrace_t *parent,
                                   const struct ctxtrace_key *key, void *value)
{
    if (!key) {
        errno = EINVAL;
        return NULL;
    }
    struct context *context = context_new(KIND_VALUE, libctx_look(parent), site);
    if (!context)
        return NULL;
    context->key = key;
    context->value = value;
    return context_publish(context, __builtin_return_address(0));
}

ctxtrace_t *ctxtrace_with_name_at(const struct ctxtrace_site *site, ctxtrace_t *parent,
                                  const char *name)
{
    struct context *context = context_new(KIND_NAME, libctx_look(parent), site);
    if (!context)
        return NULL;
    libctx_tell_own_begin(); /* as causes are */
    context->name = strdup(name ? name : "");
    libctx_tell_own_end();
    if (!context->name)
        return context_give_up(context);
    return context_publish(context, __builtin_return_address(0));
}

ctxtrace_t *libctx_with_trace(const struct ctxtrace_site *site, ctxtrace_t *parent,
                              const struct trace *trace, const void *site_pc)
{
    struct context *context =
        context_new(trace ? KIND_TRACE : KIND_PLAIN, libctx_look(parent), site);
    if (!context)
        return NULL;
    if (trace) {
        libctx_tell_own_begin();
        context->trace = malloc(sizeof *trace);
        libctx_tell_own_end();
        if (!context->trace)
            return context_give_up(context);
        *context->trace = *trace;
    }
    return context_publish(context, site_pc);
}

ctxtrace_t *ctxtrace_without_cancel_at(const struct ctxtrace_site *site, ctxtrace_t *parent)
{
    struct context *context = context_new(KIND_WITHOUT_CANCEL, libctx_look(parent), site);
    return context ? context_publish(context, __builtin_return_address(0)) : NULL;
}
