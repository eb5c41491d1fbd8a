/* SPDX-License-Identifier: MIT */
/*
 * What a context is asked: things that are fixed when it is made, found by going up the tree
 * over those that have a value, name or trace; and why it ended.
 */
#include "preload/ctx/internal.h"

#include <errno.h>
#include <stdio.h>

/* The nearest of this kind, itself included. */
static struct context *nearest(struct context *context, enum context_kind kind)
{
    struct context *found = context->labelled;
    while (found && found->kind != kind)
        found = found->parent->labelled;
    return found;
}

void *ctxtrace_value(ctxtrace_t *handle, const struct ctxtrace_key *key)
{
    struct context *found = nearest(libctx_look(handle), KIND_VALUE);
    while (found && found->key != key)
        found = nearest(found->parent, KIND_VALUE);
    return found ? found->value : NULL;
}

const char *ctxtrace_name(ctxtrace_t *handle)
{
    struct context *found = nearest(libctx_look(handle), KIND_NAME);
    return found ? found->name : NULL;
}

int ctxtrace_deadline(ctxtrace_t *handle, uint64_t *ret_deadline_ns)
{
    struct context *context = libctx_look(handle);
    if (!context->deadline_ns)
        return 0;
    if (ret_deadline_ns)
        *ret_deadline_ns = context->deadline_ns;
    return 1;
}

uint64_t ctxtrace_id(ctxtrace_t *handle)
{
    static _Atomic uint64_t last = 3; /* the roots have theirs */
    struct context *context = libctx_look(handle);
    uint64_t id = atomic_load(&context->id);
    if (!id) {
        uint64_t new_id = atomic_fetch_add(&last, 1) + 1;
        id = atomic_compare_exchange_strong(&context->id, &id, new_id) ? new_id : id;
    }
    return id;
}

ctxtrace_t *ctxtrace_parent(ctxtrace_t *handle)
{
    const struct context *parent = libctx_look(handle)->parent;
    return parent ? libctx_handle(parent) : NULL;
}

const struct ctxtrace_site *ctxtrace_made_at(ctxtrace_t *handle)
{
    return libctx_look(handle)->site;
}

static const char *cause_text(const struct context *context)
{
    if (context->cause)
        return context->cause->text;
    if (context == &libctx_released)
        return "used after its release";
    return context->err == ETIMEDOUT ? "its deadline passed" : "cancelled";
}

int ctxtrace_cause(ctxtrace_t *handle, char *buffer, size_t size)
{
    struct context *context = libctx_look(handle);
    int before = errno, code = 0;
    libctx_look_at_end(context);
    libctx_lock(context);
    if (context->err)
        code = context->cause_code;
    if (size > 0)
        snprintf(buffer, size, "%s", code ? cause_text(context) : "");
    libctx_unlock(context);
    errno = before;
    return code;
}

static struct trace *trace_of(ctxtrace_t *handle)
{
    struct context *found = nearest(libctx_look(handle), KIND_TRACE);
    return found ? found->trace : NULL;
}

static int print_trace(const struct trace *trace, const char *before, char *buffer, size_t size)
{
    char text[sizeof "TRACEPARENT=" + 2 * TRACE_ID_BYTES + sizeof "00---00"];
    if (!trace || !trace->is_w3c) {
        errno = trace ? EINVAL : ENOENT;
        return -1;
    }
    int length = snprintf(text, sizeof text, "%s00-%s-%s-%02x", before, trace->trace_id,
                          trace->span_id, trace->flags);
    if ((size_t)length >= size) {
        errno = ERANGE;
        return -1;
    }
    return snprintf(buffer, size, "%s", text);
}

int ctxtrace_traceparent(ctxtrace_t *handle, char *buffer, size_t size)
{
    return print_trace(trace_of(handle), "", buffer, size);
}

int ctxtrace_to_env(ctxtrace_t *handle, char *buffer, size_t size)
{
    return print_trace(trace_of(handle), "TRACEPARENT=", buffer, size);
}
