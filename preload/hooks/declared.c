/* SPDX-License-Identifier: MIT */
/*
 * Contexts that the program declares with libctx (ctx/attach.h): made, ended and dropped as
 * those of threads are, and entered by the thread that is at work for one, so that what it
 * acquires is charged to it at no cost to the acquisition.
 */
#include "preload/hooks/declared.h"

#include "preload/books/sweep.h"
#include "preload/facts/context.h"
#include "preload/facts/context_note.h"
#include "preload/facts/module.h"
#include "preload/facts/stack.h"
#include "preload/facts/task.h"
#include "preload/ground/guard.h"
#include "preload/ground/sys.h"

#define OUTSIDE_FRAMES 40u /* of a deeper stack the frames in between are told, too */

bool declared_may_tell(void)
{
    return tracker_watching() && !guard_is_vforked();
}

/* They end at `site_pc`, or with libctx's own module. */
uint32_t declared_stack(const struct call_site *site, const void *site_pc)
{
    uint64_t pcs[OUTSIDE_FRAMES];
    enum ctt_cut cut = CTT_CUT_NONE;
    uint32_t whole = stack_capture(site, site_pc);
    size_t count = stack_pcs(whole, pcs, OUTSIDE_FRAMES, &cut), first = 1;
    const struct module *own = module_get(module_at(site->pc));
    if (count == 0 || count == OUTSIDE_FRAMES)
        return whole;
    bool is_apart = own && !(own->flags & CTT_MODULE_EXECUTABLE);
    while (first < count && (site_pc ? CTT_PC_ADDRESS(pcs[first]) != (uintptr_t)site_pc
                                     : is_apart && module_get(CTT_PC_MODULE(pcs[first])) == own))
        first++;
    if (first == 1 || first == count)
        return whole;
    return stack_intern(pcs + first, count - first, cut,
                        (const void *)(uintptr_t)CTT_PC_ADDRESS(pcs[first - 1]));
}

/* Made when there is something to say: most contexts have no texts of their own. */
static struct context_note *note_for(uint32_t id)
{
    struct context_note *note = note_of(id);
    return note || !context_get(id) ? note : note_new(id);
}

static void declared_named(uint32_t id, const char *name)
{
    struct context *context = context_get(id);
    struct context_note *note = context && name && *name ? note_for(id) : NULL;
    if (!note)
        return;
    note_text(note->name, NOTE_NAME_BYTES, name);
    __atomic_store_n(&context->name, note->name, __ATOMIC_RELEASE);
}

static uint32_t declared_made(uint32_t parent, const char *name, const void *site_pc)
{
    if (!declared_may_tell())
        return CONTEXT_NONE;
    struct call_site site = CALL_SITE();
    sweep_if_due();
    task_self();
    uint32_t id = context_new(CTT_CONTEXT_CTX, context_get(parent) ? parent : CONTEXT_PROCESS,
                              declared_stack(&site, site_pc), NULL);
    if (id)
        declared_named(id, name);
    return id;
}

static void declared_traced(uint32_t id, const char *trace_id, const char *span_id)
{
    struct context_note *note = note_for(id);
    if (!note)
        return;
    note_text(note->trace_id, NOTE_TRACE_BYTES, trace_id);
    note_text(note->span_id, NOTE_SPAN_BYTES, span_id);
}

static void declared_ended(uint32_t id, int state, const char *cause)
{
    if (!declared_may_tell() || !context_get(id))
        return;
    struct call_site site = CALL_SITE();
    struct context_note *note = cause && *cause ? note_for(id) : NULL;
    if (note)
        note_text(note->cause, NOTE_CAUSE_BYTES, cause);
    context_end(id, (enum ctt_context_state)state, declared_stack(&site, NULL));
}

static void declared_dropped(uint32_t id)
{
    if (declared_may_tell())
        context_drop(id);
}

/* A context that is no more (its slot has another) is not entered. */
static uint32_t declared_entered(uint32_t id)
{
    if (!declared_may_tell())
        return CONTEXT_NONE;
    const struct task *task = task_get(task_self());
    uint32_t own = task && task->own_context ? task->own_context : CONTEXT_PROCESS;
    uint32_t before = task_enter(context_get(id) ? id : own);
    return before == own ? CONTEXT_NONE : before;
}

static void declared_deadline(uint32_t id, uint64_t monotonic_ns)
{
    struct context_note *note = note_for(id);
    uint64_t zero = clock_begun_ns();
    if (note)
        atomic_store(&note->deadline_ns, monotonic_ns > zero ? monotonic_ns - zero : 0);
}

static void declared_owned(uint32_t id, const void *handle, int is_to_end)
{
    struct context *context = context_get(id);
    if (!context)
        return;
    atomic_store(&context->handle, (uint64_t)(uintptr_t)handle);
    if (is_to_end)
        context_set_flags(id, CTT_CONTEXT_TO_END);
}

/* The nearest that was set last is told: a context has one, as a rule. */
static void declared_valued(uint32_t id, const char *key, const char *text)
{
    struct context_note *note = declared_may_tell() ? note_for(id) : NULL;
    if (!note)
        return;
    note_text(note->value_key, NOTE_KEY_BYTES, key);
    note_text(note->value, NOTE_VALUE_BYTES, text);
}

static void declared_graced(uint32_t id, uint64_t ns)
{
    struct context_note *note = declared_may_tell() ? note_for(id) : NULL;
    if (note)
        atomic_store(&note->grace_ns, ns);
}

const struct ctxtrace_attach_contexts declared_table = {
    .size = sizeof declared_table,
    .made = declared_made,
    .named = declared_named,
    .traced = declared_traced,
    .ended = declared_ended,
    .dropped = declared_dropped,
    .entered = declared_entered,
    .deadline = declared_deadline,
    .owned = declared_owned,
    .valued = declared_valued,
    .graced = declared_graced,
    .task_begun = declared_task_begun,
    .task_ended = declared_task_ended,
    .task_entered = declared_task_entered,
    .task_blocked = declared_task_blocked,
    .cleanup_registered = declared_cleanup_registered,
    .cleanup_over = declared_cleanup_over,
    .misused = declared_misused,
};
