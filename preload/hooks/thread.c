/* SPDX-License-Identifier: MIT */
/*
 * Threads as tasks and as holdings.
 *
 * A holding must be in the table before anybody can join or detach the thread,
 * and the handle is known only once the real call has begun: in the creator
 * when it returns, in the thread from its first instruction. Either may come
 * first, so either may enter it; the other waits out the few instructions that
 * this takes.
 *
 * The end is seen by a destructor of thread-specific data, which also runs when
 * a thread is cancelled or calls pthread_exit. It arms itself again until the
 * last round of destructors, so that what the program's own destructors give
 * back is still given back by a live task.
 */
#include "preload/hooks/thread.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>

#include "preload/books/failure.h"
#include "preload/books/sweep.h"
#include "preload/facts/context.h"
#include "preload/facts/releases.h"
#include "preload/facts/unwind.h"
#include "preload/ground/arena.h"
#include "preload/ground/health.h"
#include "preload/ground/room.h"
#include "preload/ground/sys.h"
#include "preload/hooks/lock.h"

/* ---- the end of a thread ---- */

/* The value under the key: the round of destructors that comes next, and
 * whether the thread ended by returning or by pthread_exit. */
#define ROUND_FIRST ((uintptr_t)1)
#define ROUND_LAST  ((uintptr_t)PTHREAD_DESTRUCTOR_ITERATIONS)
#define ROUND_MASK  ((uintptr_t)0xff)
#define WAY_ORDERLY ((uintptr_t)0x100)
#define WAY_QUIT    ((uintptr_t)0x200) /* by pthread_exit, somewhere inside */

enum key_state { KEY_NONE, KEY_MAKING, KEY_READY, KEY_REFUSED };
static _Atomic int end_key_state;
extern struct hook hook_pthread_key_create; /* handle.c */
static pthread_key_t end_key;

static void task_ended(uintptr_t way)
{
    uint32_t id = self.task;
    struct task *task = task_get(id);
    if (!task)
        return;
    bool sent = atomic_load(&task->flags) & CTT_TASK_CANCEL_SENT;
    uint64_t thread = atomic_load(&task->pthread);
    task_end(sent && !(way & WAY_ORDERLY) ? CTT_STATE_CANCELLED : CTT_STATE_OK,
             way & WAY_QUIT ? CTT_CONTEXT_QUIT : 0);
    /* Of this and the exchange in thread_detaching one comes first, and the
     * other one sees it: exactly one of the two drops the task, the one that
     * gets the holding out of the table. */
    uint32_t before = atomic_fetch_or(&task->flags, CTT_TASK_ENDED);
    struct holding_copy was;
    if (!(before & CTT_TASK_DETACHED)) {
        key_set_flags(CTT_KIND_THREAD, thread, CTT_HOLDING_ENDED, 0);
        return;
    }
    bool had = thread && key_take(CTT_KIND_THREAD, thread, &was);
    if (had)
        release_note(&was, STACK_NONE); /* by its own end */
    if (had || !thread)
        task_drop(id);
}

static void thread_ending(void *value)
{
    uintptr_t way = (uintptr_t)value;
    if ((way & ROUND_MASK) < ROUND_LAST) {
        pthread_setspecific(end_key, (void *)(way + 1));
        return;
    }
    if (tracker_watching() && lock_is_watching())
        lock_thread_ending();
    if (tracker_watching())
        task_ended(way);
    NOTIFY(thread_ended);
    thread_stack_ends();
    room_leave();
}

static bool end_key_ready(void)
{
    int state = KEY_NONE;
    if (atomic_compare_exchange_strong(&end_key_state, &state, KEY_MAKING)) {
        /* Ours, and not the program's to hold: past our own hook. */
        state = REAL(pthread_key_create)(&end_key, thread_ending) == 0 ? KEY_READY : KEY_REFUSED;
        atomic_store(&end_key_state, state);
    }
    return state == KEY_READY;
}

static void way_note(uintptr_t way)
{
    if (!end_key_ready())
        return;
    uintptr_t value = (uintptr_t)pthread_getspecific(end_key);
    pthread_setspecific(end_key, (void *)((value ? value : ROUND_FIRST) | way));
}

void thread_returning(void)
{
    way_note(WAY_ORDERLY);
}

void thread_quitting(void)
{
    way_note(WAY_ORDERLY | WAY_QUIT);
}

/* ---- start blocks ---- */

static struct free_list free_starts;

static struct thread_start *start_take(void)
{
    struct free_node *node = free_pop(&free_starts);
    return node ? (struct thread_start *)node : arena_alloc(sizeof(struct thread_start));
}

static void start_let_go(struct thread_start *start)
{
    if (atomic_fetch_sub(&start->sides, 1) == 1)
        free_push(&free_starts, &start->free);
}

/* ---- entering ---- */

enum entry { ENTRY_OPEN, ENTRY_BUSY, ENTRY_AWAITED, ENTRY_DONE };
#define ENTRY_PATIENCE_S 1 /* then the other side died in the middle: go on */

static void entry_await(struct thread_start *start)
{
    const struct timespec patience = {.tv_sec = ENTRY_PATIENCE_S};
    for (;;) {
        uint32_t busy = ENTRY_BUSY;
        if (!atomic_compare_exchange_strong(&start->entry, &busy, ENTRY_AWAITED) &&
            busy == ENTRY_DONE)
            return;
        long result = sys_call(SYS_futex, (long)&start->entry, FUTEX_WAIT_PRIVATE, ENTRY_AWAITED,
                               (long)&patience, 0, 0);
        if (result == -ETIMEDOUT)
            return;
    }
}

/* `thread` is read only when this side enters: in the creator it is the
 * program's variable, which a thread that runs already may have freed; one that
 * has not entered itself stands still until we are through. */
static void thread_enter(struct thread_start *start, const pthread_t *thread)
{
    uint32_t open = ENTRY_OPEN;
    if (!atomic_compare_exchange_strong(&start->entry, &open, ENTRY_BUSY)) {
        entry_await(start);
        return;
    }
    struct task *task = task_get(start->task);
    if (task)
        atomic_store(&task->pthread, (uint64_t)*thread);
    start->holding.handle = (uint64_t)*thread;
    key_enter(&start->holding);
    if (atomic_exchange(&start->entry, ENTRY_DONE) == ENTRY_AWAITED)
        sys_call(SYS_futex, (long)&start->entry, FUTEX_WAKE_PRIVATE, INT_MAX, 0, 0, 0);
}

struct thread_start *thread_prepare(struct hook *hook, const struct call_site *site,
                                    const pthread_attr_t *attributes)
{
    struct thread_start *start = end_key_ready() ? start_take() : NULL;
    if (!start)
        return NULL;
    int detached = PTHREAD_CREATE_JOINABLE;
    if (attributes)
        pthread_attr_getdetachstate(attributes, &detached);
    start->stack = thread_stack_wanted(attributes);
    bool is_detached = detached == PTHREAD_CREATE_DETACHED;
    uint32_t stack = family_stack(hook, site);
    sweep_if_due();
    start->holding = holding_now(CTT_KIND_THREAD, DETAIL_PTHREAD, 0, stack);
    start->holding.flags |= is_detached ? CTT_HOLDING_DETACHED : 0;
    start->task = task_new(stack, is_detached ? CTT_TASK_DETACHED : 0);
    start->holding.owner = start->task; /* the task that it is */
    atomic_store(&start->entry, ENTRY_OPEN);
    atomic_store(&start->sides, 2);
    return start;
}

void thread_created(struct thread_start *start, int error, const pthread_t *thread)
{
    if (error) {
        struct task *task = task_get(start->task);
        if (task)
            context_end(task->own_context, CTT_STATE_ABANDONED, 0);
        task_drop(start->task);
        if (thread)
            failure_keep_thread((struct room_failure){.stack = start->holding.stack,
                                                      .kind = CTT_KIND_THREAD,
                                                      .error = (uint32_t)error,
                                                      .handle = (uint64_t)*thread});
        limit_hit(start->holding.stack, CTT_KIND_THREAD, error, 0);
        start_let_go(start); /* the side of the thread that never was */
    } else {
        family_tally(start->holding.stack, CTT_KIND_THREAD);
        thread_enter(start, thread);
    }
    start_let_go(start);
}

/* Where nothing is known the unwinder asks the kernel when it needs to know. */
static void stack_tell(struct thread_stack stack)
{
    if (stack.low < stack.high)
        unwind_set_bounds((struct stack_bounds){stack.low, stack.high});
    thread_stack_begins(stack);
}

void thread_begun(struct thread_start *start)
{
    pthread_t me = pthread_self();
    task_start(start->task);
    thread_enter(start, &me);
    stack_tell(thread_stack_here(start->stack));
    pthread_setspecific(end_key, (void *)ROUND_FIRST);
    NOTIFY(thread_started);
    start_let_go(start);
}

/* ---- collecting ---- */

/* D9: the handle is what the variable holds of a thread that was not started: another's,
 * long gone, or a descriptor that libc has given back. It is compared, and told before
 * the real call, which follows it. */
static void thread_missing(struct hook *hook, const struct call_site *site, pthread_t thread)
{
    struct room_failure failed;
    if (!failure_of_thread((uint64_t)thread, &failed))
        return;
    mishap_note((struct ctt_mishap){.id = CTT_MISHAP_IGNORED_THREAD,
                                    .kind = failed.kind,
                                    .handle = failed.handle,
                                    .error = failed.error,
                                    .stack = family_stack(hook, site),
                                    .acquired_stack = failed.stack});
}

static struct task *release_find(struct thread_release *release, struct hook *hook,
                                 const struct call_site *site, pthread_t thread)
{
    *release = (struct thread_release){.thread = thread};
    release->had = key_read(CTT_KIND_THREAD, (uint64_t)thread, &release->was);
    if (!release->had)
        thread_missing(hook, site, thread);
    release->task = release->had ? (uint32_t)release->was.owner : 0;
    return task_get(release->task);
}

void thread_joining(struct thread_release *release, struct hook *hook, const struct call_site *site,
                    pthread_t thread)
{
    release_find(release, hook, site, thread);
}

/* Once the real join has returned, the handle may be another thread's: what is
 * taken out is checked to be the task that was to be joined, and put back when
 * it is not. (Taking it out before would hide a thread for as long as somebody
 * waits for it, and lose it when that wait is cancelled.) */
void thread_joined(struct thread_release *release, struct hook *hook, const struct call_site *site,
                   int error)
{
    if (error || !release->had)
        return;
    struct holding_copy taken;
    if (!key_take(CTT_KIND_THREAD, (uint64_t)release->thread, &taken))
        return;
    if (taken.owner != release->was.owner) {
        key_enter(&taken);
        return;
    }
    release_note(&taken, family_stack(hook, site));
    struct task *task = task_get(release->task);
    if (task)
        task_vanished(task); /* by a raw exit */
    task_drop(release->task);
}

/* Marked before the real call: afterwards the thread may be gone. */
void thread_detaching(struct thread_release *release, struct hook *hook,
                      const struct call_site *site, pthread_t thread)
{
    struct task *task = release_find(release, hook, site, thread);
    if (!task)
        return;
    key_set_flags(CTT_KIND_THREAD, (uint64_t)thread, CTT_HOLDING_DETACHED, 0);
    uint32_t before = atomic_fetch_or(&task->flags, CTT_TASK_DETACHED);
    struct holding_copy was;
    task_mirror(task);
    if (before & CTT_TASK_ENDED && key_take(CTT_KIND_THREAD, (uint64_t)thread, &was)) {
        release_note(&was, STACK_NONE);
        task_drop(release->task);
    }
    release->had = !(before & CTT_TASK_DETACHED);
}

void thread_detached(struct thread_release *release, int error)
{
    struct task *task = error && release->had ? task_get(release->task) : NULL;
    if (!task)
        return;
    atomic_fetch_and(&task->flags, ~(uint32_t)CTT_TASK_DETACHED);
    task_mirror(task);
    key_set_flags(CTT_KIND_THREAD, (uint64_t)release->thread, 0, CTT_HOLDING_DETACHED);
}

void thread_cancelling(struct thread_release *release, struct hook *hook,
                       const struct call_site *site, pthread_t thread)
{
    struct task *task = release_find(release, hook, site, thread);
    if (task)
        atomic_fetch_or(&task->flags, CTT_TASK_CANCEL_SENT);
}

void thread_cancelled(struct thread_release *release, int error)
{
    struct task *task = error ? task_get(release->task) : NULL;
    if (task)
        atomic_fetch_and(&task->flags, ~(uint32_t)CTT_TASK_CANCEL_SENT);
}
