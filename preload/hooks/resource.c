/* SPDX-License-Identifier: MIT */
/*
 * Resources of the program's own (ctx/ctxtrace_annotate.h): a transaction, a lease, acquired
 * and given back by word of the program alone. They are holdings as all others are, of a
 * kind with a name that the program gave it.
 *
 * Others are named here by their kind's word and their handle, too: "fd" and the number,
 * "memory" and the address, "stream", "dir".
 */
#include <string.h>

#include "preload/books/dependency.h"
#include "preload/books/keytable.h"
#include "preload/books/ledger.h"
#include "preload/books/mishap.h"
#include "preload/books/own_kinds.h"
#include "preload/books/touches.h"
#include "preload/ctx/ctxtrace_annotate.h"
#include "preload/facts/context.h"
#include "preload/facts/context_note.h"
#include "preload/hooks/declared.h"
#include "preload/hooks/family.h"

static uint64_t handle_of(const void *object)
{
    return (uint64_t)(uintptr_t)object;
}

/* Kinds that the program did not name itself. */
static const struct known_kind {
    const char *name;
    enum ctt_kind_id kind;
} known_kinds[] = {{CTXTRACE_FD, CTT_KIND_FD},
                   {CTXTRACE_MEMORY, CTT_KIND_MEMORY},
                   {CTXTRACE_STREAM, CTT_KIND_STREAM},
                   {CTXTRACE_DIR, CTT_KIND_DIR}};

static uint32_t kind_of(const char *name)
{
    for (size_t i = 0; name && i < sizeof known_kinds / sizeof *known_kinds; i++)
        if (strcmp(name, known_kinds[i].name) == 0)
            return known_kinds[i].kind;
    return own_kind(name);
}

static bool kind_is_own(uint32_t kind)
{
    return kind >= CTT_KIND_OWN_FIRST;
}

/* ---- acquired and given back ---- */

static int resource_acquired(const char *kind_name, const void *object)
{
    uint32_t kind = declared_may_tell() ? kind_of(kind_name) : 0;
    if (!kind_is_own(kind))
        return -1;
    struct call_site site = CALL_SITE();
    uint32_t stack = stack_capture(&site, (const void *)(uintptr_t)resource_acquired);
    struct holding_copy holding = holding_now(kind, DETAIL_NONE, handle_of(object), stack);
    family_tally(stack, kind);
    key_enter(&holding);
    return 0;
}

/* Given back as good in a context that ended in error; or as given up. */
static void outcome_look(const struct holding_copy *was, int outcome, uint32_t stack)
{
    struct context_copy context;
    bool in_error = context_read(was->context, &context) && context.state == CTT_STATE_ERROR;
    if (outcome == CTXTRACE_ABANDONED || (outcome == CTXTRACE_OK && in_error))
        mishap_note((struct ctt_mishap){.id = CTT_MISHAP_OUTCOME,
                                        .kind = was->kind,
                                        .handle = was->handle,
                                        .context = was->context,
                                        .live = (uint64_t)outcome,
                                        .stack = stack,
                                        .acquired_stack = was->stack});
}

static int resource_given_back(const char *kind_name, const void *object, int outcome)
{
    uint32_t kind = declared_may_tell() ? kind_of(kind_name) : 0;
    if (!kind_is_own(kind))
        return -1;
    struct holding_copy was;
    struct call_site site = CALL_SITE();
    uint32_t stack = stack_capture(&site, (const void *)(uintptr_t)resource_given_back);
    if (!key_take(kind, handle_of(object), &was)) {
        mishap_note((struct ctt_mishap){
            .id = CTT_MISHAP_NOT_HELD, .kind = kind, .handle = handle_of(object), .stack = stack});
        return -1;
    }
    family_given_back(&was, stack);
    outcome_look(&was, outcome, stack);
    return 0;
}

/* ---- what is said of it meanwhile ---- */

static int resource_depends(const char *kind_name, const void *object, const char *on_kind,
                            const void *on)
{
    struct holding_copy what, base;
    if (!declared_may_tell() || !holding_find(kind_of(kind_name), handle_of(object), &what) ||
        !holding_find(kind_of(on_kind), handle_of(on), &base))
        return -1;
    return dependency_add(&what, &base) ? 0 : -1;
}

static int resource_touched(const char *kind_name, const void *object, const char *hint)
{
    struct holding_copy now;
    uint32_t kind = declared_may_tell() ? kind_of(kind_name) : 0;
    if (!kind_is_own(kind) || !hint || !key_read(kind, handle_of(object), &now))
        return -1;
    touch_note(&now, hint);
    return 0;
}

static int resource_moved(const char *kind_name, const void *object, uint32_t context)
{
    uint32_t kind = declared_may_tell() ? kind_of(kind_name) : 0;
    if (!kind)
        return -1;
    task_self();
    uint32_t to = context_get(context) ? context : self.context;
    bool moved = kind_is_of_descriptor(kind) ? fd_charge((int)handle_of(object), to)
                 : kind == CTT_KIND_MEMORY   ? ledger_charge((uintptr_t)object, to)
                                             : key_charge(kind, handle_of(object), to);
    return moved ? 0 : -1;
}

/* ---- of contexts ---- */

static uint32_t resource_active(void)
{
    if (!declared_may_tell())
        return CONTEXT_NONE;
    task_self();
    return self.context;
}

const struct ctxtrace_attach_resources resource_table = {
    .size = sizeof resource_table,
    .acquired = resource_acquired,
    .given_back = resource_given_back,
    .depends = resource_depends,
    .touched = resource_touched,
    .moved = resource_moved,
    .active = resource_active,
};
