/* SPDX-License-Identifier: MIT */
/*
 * What libctx tells the tracker, where there is one (attach.h). It is looked up once, when the
 * library is loaded; a weak symbol would not do, it is NULL in programs that are not
 * position-independent.
 */
#include "preload/ctx/internal.h"

#include <dlfcn.h>
#include <string.h>

#include "preload/ctx/ctxtrace_annotate.h"

#define VALUE_BYTES 96 /* of what is shown of a value */
#define OWN_FD      "libctx's, for ctx_done_fd"
#define OWN_OBJECT  "libctx's own"

/* Whether a table of this size has the member. */
#define HAS(table, type, member) ((table)->size >= offsetof(type, member) + sizeof((table)->member))

_Atomic(const struct ctxtrace_attach_contexts *) libctx_tracker;
static const struct ctxtrace_attach_v1 *annotations;

/* NULL as well where the tracker is too old to have what came later than the first members. */
static const struct ctxtrace_attach_contexts *told_up_to(size_t bytes)
{
    const struct ctxtrace_attach_contexts *told = libctx_tracked();
    return UNLIKELY(told && told->size >= bytes) ? told : NULL;
}
#define TOLD(member)                                                                               \
    told_up_to(offsetof(struct ctxtrace_attach_contexts, member) +                                 \
               sizeof((struct ctxtrace_attach_contexts){0}.member))

static uint32_t number_of(const struct context *context)
{
    return context ? atomic_load_explicit(&context->tracker, memory_order_relaxed) : 0;
}

/* As it is now: nobody could ask for it while a report is made. */
static void tell_value(struct context *context)
{
    const struct ctxtrace_attach_contexts *told = TOLD(valued);
    char text[VALUE_BYTES] = "";
    if (!told)
        return;
    if (context->key->show)
        context->key->show(context->value, text, sizeof text);
    text[sizeof text - 1] = '\0';
    told->valued(number_of(context), context->key->name, text);
}

void libctx_tell_made(struct context *context, const void *site_pc)
{
    const struct ctxtrace_attach_contexts *told = libctx_tracked();
    context->site_pc = site_pc;
    if (LIKELY(!told))
        return;
    uint32_t parent = context->parent ? atomic_load(&context->parent->tracker) : 0;
    uint32_t number =
        told->made(parent, context->kind == KIND_NAME ? context->name : NULL, site_pc);
    atomic_store(&context->tracker, number);
    if (number && context->kind == KIND_TRACE)
        told->traced(number, context->trace->trace_id, context->trace->span_id);
    if (number && context->deadline_ns)
        told->deadline(number, context->deadline_ns);
    if (number && context->kind == KIND_VALUE && context->key->visibility == CTXTRACE_REPORT)
        tell_value(context);
    bool is_to_end = context->kind == KIND_CANCEL || context->kind == KIND_DEADLINE;
    if (number && HAS(told, struct ctxtrace_attach_contexts, owned))
        told->owned(number, libctx_handle(context), is_to_end);
}

void libctx_tell_ended(struct context *context)
{
    const struct ctxtrace_attach_contexts *told = libctx_tracked();
    uint32_t number = atomic_load_explicit(&context->tracker, memory_order_relaxed);
    if (told && number)
        told->ended(number, context->state, context->cause ? context->cause->text : NULL);
}

void libctx_tell_dropped(struct context *context)
{
    const struct ctxtrace_attach_contexts *told = libctx_tracked();
    uint32_t number = atomic_load_explicit(&context->tracker, memory_order_relaxed);
    if (told && number)
        told->dropped(number);
}

void libctx_tell_todo(const void *site_pc)
{
    static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
    const struct ctxtrace_attach_contexts *told = libctx_tracked();
    if (LIKELY(!told) || atomic_load(&libctx_todo.tracker))
        return;
    pthread_mutex_lock(&once);
    if (!atomic_load(&libctx_todo.tracker))
        atomic_store(&libctx_todo.tracker, told->made(0, "todo", site_pc));
    pthread_mutex_unlock(&once);
}

uint32_t libctx_tell_task(struct context *context, const char *name, const void *serves,
                          const void *site_pc)
{
    const struct ctxtrace_attach_contexts *told = TOLD(task_begun);
    return told ? told->task_begun(number_of(context), name, serves, site_pc) : 0;
}

void libctx_tell_task_ended(uint32_t task)
{
    const struct ctxtrace_attach_contexts *told = TOLD(task_ended);
    if (told && task)
        told->task_ended(task);
}

uint32_t libctx_tell_task_entered(uint32_t task)
{
    const struct ctxtrace_attach_contexts *told = TOLD(task_entered);
    return told ? told->task_entered(task) : 0;
}

void libctx_tell_blocked(uint32_t task, const char *why, const void *object)
{
    const struct ctxtrace_attach_contexts *told = TOLD(task_blocked);
    if (told)
        told->task_blocked(task, why, object);
}

void libctx_tell_cleanup(const void *entry, const void *fn, const void *site_pc)
{
    const struct ctxtrace_attach_contexts *told = TOLD(cleanup_registered);
    if (told)
        told->cleanup_registered(entry, fn, site_pc);
}

void libctx_tell_cleanup_over(const void *entry, enum ctxtrace_attach_cleanup how)
{
    const struct ctxtrace_attach_contexts *told = TOLD(cleanup_over);
    if (told)
        told->cleanup_over(entry, (int)how);
}

void libctx_tell_misuse(enum ctxtrace_attach_misuse what, const void *object,
                        struct context *context, uint64_t count, const void *site_pc)
{
    const struct ctxtrace_attach_contexts *told = TOLD(misused);
    if (told)
        told->misused((int)what, object, number_of(context), count, site_pc);
}

const struct ctxtrace_attach_testing *libctx_testing(void)
{
    const struct ctxtrace_attach_v1 *table = annotations;
    return table && HAS(table, struct ctxtrace_attach_v1, testing) ? table->testing : NULL;
}

uint32_t libctx_number(const struct context *context)
{
    return number_of(context);
}

void libctx_tell_remark(struct context *context, const char *key, const char *text)
{
    const struct ctxtrace_attach_contexts *told = TOLD(valued);
    if (told && number_of(context))
        told->valued(number_of(context), key, text);
}

void libctx_tell_grace(struct context *context, uint64_t ns)
{
    const struct ctxtrace_attach_contexts *told = TOLD(graced);
    if (told && number_of(context))
        told->graced(number_of(context), ns);
}

uint32_t libctx_tell_charged(const struct context *context)
{
    const struct ctxtrace_attach_contexts *told = libctx_tracked();
    return UNLIKELY(told) ? told->entered(number_of(context)) : 0;
}

void libctx_tell_charged_before(uint32_t before)
{
    const struct ctxtrace_attach_contexts *told = libctx_tracked();
    if (UNLIKELY(told))
        told->entered(before);
}

void libctx_tell_own_fd(int fd)
{
    if (annotations)
        annotations->ignore_fd(fd, OWN_FD);
}

void libctx_tell_own_begin(void)
{
    if (annotations)
        annotations->ignore_begin(OWN_OBJECT);
}

void libctx_tell_own_end(void)
{
    if (annotations)
        annotations->ignore_end();
}

/* ---- at the start ---- */

/* Its parents first: from the top down, however long the chain. */
static void replay(void *one)
{
    struct context *context = one;
    while (!atomic_load(&context->tracker)) {
        struct context *highest = context;
        while (highest->parent && highest->parent->kind != KIND_ROOT &&
               !atomic_load(&highest->parent->tracker))
            highest = highest->parent;
        libctx_tell_made(highest, highest->site_pc);
        if (!atomic_load(&highest->tracker))
            return; /* no room */
        if (highest->state)
            libctx_tell_ended(highest);
    }
}

__attribute__((constructor)) static void attach(void)
{
    ctxtrace_attach_function *look_up = NULL;
    void *found = dlsym(RTLD_DEFAULT, CTXTRACE_ATTACH);
    memcpy(&look_up, &found, sizeof look_up);
    const struct ctxtrace_attach_v1 *table = look_up ? look_up(NULL) : NULL;
    if (!table || !HAS(table, struct ctxtrace_attach_v1, contexts))
        return;
    annotations = table;
    const struct ctxtrace_attach_contexts *told = table->contexts;
    if (!told || !HAS(told, struct ctxtrace_attach_contexts, deadline))
        return;
    atomic_store(&libctx_tracker, told);
    libctx_pool_each(SLOT_CONTEXT, replay);
    libctx_active_replay();
}
