/* SPDX-License-Identifier: MIT */
/*
 * Tasks: threads, as the tracker knows them.
 *
 * A task's id is its slot and how often the slot was used, so that a holding
 * of a thread that is long gone does not point to another. A slot is free
 * again when its thread has ended and was joined or detached.
 */
#ifndef FACTS_TASK_H
#define FACTS_TASK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "preload/format.h"
#include "preload/ground/guard.h"
#include "preload/ground/mirror.h"

#define TASK_MAIN      1u
#define TASK_WHY_BYTES 16u

/* What a task says that it is blocked on (job.h): by its own thread. */
struct task_block {
    _Atomic uint64_t since_ns; /* 0: it is not; published last */
    uint64_t object;
    char why[TASK_WHY_BYTES];
};
struct task_block_copy {
    uint64_t since_ns, object;
    char why[TASK_WHY_BYTES];
};
void task_block_read(const struct task_block *block, struct task_block_copy *ret_copy);

struct task {
    _Atomic uint32_t id;    /* 0: free */
    _Atomic uint32_t flags; /* enum ctt_task_flags */
    _Atomic uint32_t tid;
    _Atomic uint32_t context;
    uint32_t own_context;    /* the same; 0: it was not made for this task */
    _Atomic uint32_t active; /* self.context, where the sweep can read it */
    uint32_t creator;
    uint32_t created_stack;
    uint64_t created_ns;
    _Atomic uint64_t ended_ns;
    _Atomic uint64_t pthread; /* pthread_t, once known */
    _Atomic uint32_t uses;
    _Atomic uint32_t next_free; /* slot index */
    _Atomic uint32_t job;       /* the declared one that it is at work on (job.h); 0: none */
    struct task_block block;
    char name[16]; /* once it has ended; before, /proc knows */
};

/* A task about to start, created by the calling one. 0 when there is no room. */
uint32_t task_new(uint32_t created_stack, uint32_t flags);
/* The calling thread is this task from now on. */
void task_start(uint32_t id);
/* The calling thread's task; a thread that no hook has met becomes one now. */
uint32_t task_meet(void);
static inline uint32_t task_self(void)
{
    uint32_t id = self.task;
    return __builtin_expect(id != 0, 1) ? id : task_meet();
}
/* What the calling thread acquires is `context`'s from now on. Returns what was
 * active before: the source of both keeps them until the thread has left. */
uint32_t task_enter(uint32_t context);
/* The calling thread's task ends; its own context too, with these further
 * enum ctt_context_flags. What the thread still acquires is the process's. */
void task_end(enum ctt_context_state state, uint8_t flags);
/* Its thread is gone, and has not come to its own end (a raw exit): it has ended now,
 * unless it had. By atomic steps alone: a dump's writer calls it, too. */
void task_vanished(struct task *task);
/* Joined, or detached and ended, or never begun: the slot may be used again,
 * and nobody will come back to the task's own context. */
void task_drop(uint32_t id);
/* In a fork child: only the calling task is left, and it has a new tid. */
void task_forked(void);

/* After it was changed: its row of the state file. */
void task_mirror_now(const struct task *task);
static inline void task_mirror(const struct task *task)
{
    if (mirror_is_on())
        task_mirror_now(task);
}
/* All that there are, into a state file that has just been begun. */
void tasks_mirror(void);

struct task *task_get(uint32_t id);
/* By slot, for a snapshot: 0 .. task_slots() - 1; NULL when free. */
struct task *task_slot(uint32_t slot);
uint32_t task_slots(void);

#endif
