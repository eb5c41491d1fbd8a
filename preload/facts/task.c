/* SPDX-License-Identifier: MIT */
#include "preload/facts/task.h"

#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "preload/facts/context.h"
#include "preload/ground/arena.h"
#include "preload/ground/guard.h"
#include "preload/ground/health.h"
#include "preload/ground/mirror.h"
#include "preload/ground/slotlist.h"
#include "preload/ground/sys.h"

#define SLOT_BITS  17u /* 131072 threads not yet collected, at most */
#define SLOTS      (1u << SLOT_BITS)
#define CHUNK_BITS 9u
#define CHUNK      (1u << CHUNK_BITS)
#define NO_SLOT    SLOTLIST_NONE

#define MIRROR_TRIES 64

static _Atomic(struct task *) chunks[SLOTS / CHUNK];
static _Atomic uint32_t slots = 1;
static struct slotlist free_slots;

struct task *task_slot(uint32_t slot)
{
    struct task *chunk = atomic_load_explicit(&chunks[slot >> CHUNK_BITS], memory_order_acquire);
    if (!chunk || !atomic_load_explicit(&chunk[slot & (CHUNK - 1)].id, memory_order_acquire))
        return NULL;
    return &chunk[slot & (CHUNK - 1)];
}

uint32_t task_slots(void)
{
    return atomic_load_explicit(&slots, memory_order_acquire);
}

struct task *task_get(uint32_t id)
{
    struct task *t = id ? task_slot(id & (SLOTS - 1)) : NULL;
    return t && atomic_load_explicit(&t->id, memory_order_relaxed) == id ? t : NULL;
}

static struct task *slot_raw(uint32_t slot)
{
    _Atomic(struct task *) *place = &chunks[slot >> CHUNK_BITS];
    struct task *chunk = atomic_load_explicit(place, memory_order_acquire);
    if (!chunk) {
        struct task *fresh = arena_map(CHUNK * sizeof *fresh);
        if (!fresh)
            return NULL;
        if (atomic_compare_exchange_strong(place, &chunk, fresh))
            chunk = fresh;
    }
    return &chunk[slot & (CHUNK - 1)];
}

static _Atomic uint32_t *next_of(uint32_t slot)
{
    return &slot_raw(slot)->next_free;
}

static uint32_t slot_fresh(void)
{
    uint32_t slot = atomic_load_explicit(&slots, memory_order_relaxed);
    do {
        if (slot >= SLOTS)
            return NO_SLOT;
    } while (!atomic_compare_exchange_weak(&slots, &slot, slot + 1));
    return slot;
}

/* ---- in the state file ---- */

/* A task's own thread and the one that joins it change different fields; who writes last
 * has mostly seen both. A row of a task that is dropped meanwhile is taken out again. */
static bool row_write(const struct task *task, uint32_t id)
{
    struct state_task *row = mirror_open(STATE_TASK, id & (SLOTS - 1));
    if (!row)
        return false;
    MIRROR_SET(row, tid, atomic_load(&task->tid));
    MIRROR_SET(row, context, atomic_load(&task->context));
    MIRROR_SET(row, creator, task->creator);
    MIRROR_SET(row, flags, atomic_load(&task->flags));
    MIRROR_SET(row, created_stack, task->created_stack);
    MIRROR_SET(row, created_ns, task->created_ns);
    MIRROR_SET(row, ended_ns, atomic_load(&task->ended_ns));
    mirror_text(row->name, sizeof row->name, task->name);
    mirror_close(row, id);
    atomic_thread_fence(memory_order_seq_cst);
    return true;
}

void task_mirror_now(const struct task *task)
{
    uint32_t id = atomic_load(&task->id), slot = id & (SLOTS - 1);
    for (unsigned tries = 0; id && tries < MIRROR_TRIES && row_write(task, id); tries++) {
        uint32_t now = atomic_load(&task->id);
        if (now == id)
            return;
        if (!now)
            mirror_clear(STATE_TASK, slot);
        id = now;
    }
}

void tasks_mirror(void)
{
    uint32_t count = task_slots();
    for (uint32_t slot = 1; slot < count; slot++)
        if (task_slot(slot))
            task_mirror(task_slot(slot));
}

/* Where there is no room for a context the creator's is shared. */
static void context_give(struct task *t, uint32_t created_stack, uint32_t flags)
{
    uint32_t parent = self.context ? self.context : CONTEXT_PROCESS;
    t->own_context = CONTEXT_NONE;
    if (flags & CTT_TASK_MAIN)
        parent = CONTEXT_PROCESS;
    else
        t->own_context = context_new(CTT_CONTEXT_THREAD, parent, created_stack, NULL);
    t->context = t->own_context ? t->own_context : parent;
    t->active = t->context;
}

uint32_t task_new(uint32_t created_stack, uint32_t flags)
{
    uint32_t slot = slotlist_pop(&free_slots, next_of);
    if (slot == NO_SLOT)
        slot = slot_fresh();
    struct task *t = slot == NO_SLOT ? NULL : slot_raw(slot);
    if (!t) {
        HEALTH(tasks_dropped);
        return 0;
    }
    uint32_t uses = atomic_fetch_add_explicit(&t->uses, 1, memory_order_relaxed);
    /* The creator is asked for without making it a task: this may be the main
     * thread becoming one. */
    t->creator = self.task;
    t->name[0] = '\0';
    t->created_stack = created_stack;
    t->created_ns = clock_since_ns();
    context_give(t, created_stack, flags);
    atomic_store_explicit(&t->flags, flags, memory_order_relaxed);
    atomic_store_explicit(&t->tid, 0, memory_order_relaxed);
    atomic_store_explicit(&t->pthread, 0, memory_order_relaxed);
    atomic_store_explicit(&t->job, 0, memory_order_relaxed);
    atomic_store_explicit(&t->block.since_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&t->ended_ns, CTT_NEVER, memory_order_relaxed);
    uint32_t id = (uses << SLOT_BITS) | slot;
    atomic_store_explicit(&t->id, id, memory_order_release);
    task_mirror(t);
    return id;
}

void task_start(uint32_t id)
{
    struct task *t = task_get(id);
    self.task = id;
    self.context = CONTEXT_PROCESS;
    if (!t)
        return;
    self.context = t->context;
    self.tid = (uint32_t)sys_gettid();
    atomic_store_explicit(&t->tid, self.tid, memory_order_release);
    task_mirror(t);
}

uint32_t task_meet(void)
{
    bool main_thread = sys_getpid() == sys_gettid();
    /* A signal handler on this thread may get here in the middle: both make a
     * task, the outer one's stays; a slot is wasted, nothing breaks. */
    uint32_t id = task_new(0, main_thread ? CTT_TASK_MAIN : CTT_TASK_HIDDEN | CTT_TASK_DETACHED);
    task_start(id);
    return id;
}

/* Published first: as long as this thread may charge anything to `before`, the
 * sweep must find one of the two. A thread that has no task cannot be seen by
 * it, and stays where it is. */
uint32_t task_enter(uint32_t context)
{
    struct task *t = task_get(task_self());
    uint32_t before = self.context;
    if (!t)
        return before;
    atomic_store(&t->active, context);
    self.context = context;
    return before;
}

void task_end(enum ctt_context_state state, uint8_t flags)
{
    struct task *t = task_get(self.task);
    if (!t)
        return;
    sys_call(SYS_prctl, PR_GET_NAME, (long)t->name, 0, 0, 0, 0);
    atomic_store_explicit(&t->ended_ns, clock_since_ns(), memory_order_relaxed);
    atomic_fetch_or_explicit(&t->flags, CTT_TASK_ENDED, memory_order_release);
    task_mirror(t);
    if (atomic_load(&t->flags) & CTT_TASK_DETACHED)
        flags |= CTT_CONTEXT_DETACHED;
    struct context *own = context_get(t->own_context);
    if (own)
        atomic_fetch_or(&own->flags, flags);
    context_end(t->own_context, state, 0);
    /* Destructors may follow ours, and a detached task's slot is another's by
     * then. */
    task_enter(CONTEXT_PROCESS);
}

void task_vanished(struct task *task)
{
    if (atomic_fetch_or(&task->flags, CTT_TASK_ENDED) & CTT_TASK_ENDED)
        return;
    atomic_store(&task->ended_ns, clock_since_ns());
    task_mirror(task);
    context_end(task->own_context, CTT_STATE_OK, 0);
}

void task_drop(uint32_t id)
{
    struct task *t = task_get(id);
    if (!t)
        return;
    /* The exchange decides who drops it when a join and a detach race. */
    uint32_t expected = id;
    if (!atomic_compare_exchange_strong(&t->id, &expected, 0))
        return;
    context_drop(t->own_context);
    if (mirror_is_on())
        mirror_clear(STATE_TASK, id & (SLOTS - 1));
    slotlist_push(&free_slots, next_of, id & (SLOTS - 1));
}

void task_forked(void)
{
    uint32_t mine = task_self();
    uint32_t count = task_slots();
    for (uint32_t slot = 1; slot < count; slot++) {
        struct task *t = task_slot(slot);
        uint32_t id = t ? atomic_load(&t->id) : 0;
        if (!t || id == mine)
            continue;
        task_drop(id);
    }
    struct task *t = task_get(mine);
    if (!t)
        return;
    self.tid = (uint32_t)sys_gettid();
    atomic_store(&t->tid, self.tid);
    atomic_fetch_or(&t->flags, CTT_TASK_MAIN);
    /* The thread that forked is the child's main thread: its end is the
     * process's, and what it acquires is the process's. */
    if (self.context == t->context)
        task_enter(CONTEXT_PROCESS);
    context_drop(t->own_context);
    t->context = CONTEXT_PROCESS;
    t->own_context = CONTEXT_NONE;
}
