/* SPDX-License-Identifier: MIT */
/*
 * Tasks as a person counts them: a thread and the job that it is at work on are one, a job
 * that no thread is at work on stands for itself. And those of them that are the same, as
 * hundreds of workers are, are one group.
 */
#ifndef REPORT_TASK_UNITS_H
#define REPORT_TASK_UNITS_H

#include "report.h"

struct task_unit {
    struct task *thread; /* NULL: no thread is at work on the job */
    struct task *job;    /* NULL: none was declared */
    struct task_unit *next_in_context, *next_in_group;
};

struct task_units {
    struct task_unit *items; /* in the dump's order; those that are hidden are left out */
    size_t count;
};

/* What it is doing. */
struct task_doing {
    const char *state; /* "S (sleeping)", "ended, not joined", "waiting to start" */
    const char *wait;  /* "futex 0x7f...", or what it says itself: "waitgroup"; or NULL */
    uint64_t object;   /* that it says it waits for; 0: none */
    uint64_t for_ns;   /* CTT_NEVER: not known */
    bool says_so;      /* `wait` is the program's word */
    bool is_kernel_state;
};

/* In the model's pool. */
struct task_units task_units_make(const struct report *report);
struct task_unit *task_unit_of(const struct task_units *units, const struct task *task);

/* The job, which says more, else the thread. */
const struct task *task_unit_main(const struct task_unit *unit);
const char *task_unit_name(const struct task_unit *unit); /* or NULL */
struct context *task_unit_context(const struct task_unit *unit);
struct task_doing task_unit_doing(const struct report *report, const struct task_unit *unit);
bool task_has_ended(const struct task *task);

struct task_group {
    struct task_unit *first, *last;
    size_t count;
    uint64_t shortest_ns, longest_ns; /* of task_doing.for_ns; CTT_NEVER: not known */
    bool same_object;                 /* all wait for the same */
};

struct task_groups {
    struct task_group *items; /* largest first, else in the dump's order */
    size_t count;
};

/* The same state, way to wait, place of creation, and label and state of the context. */
struct task_groups task_groups_make(const struct report *report, struct task_units *units);

/* "worker-*": what the names have in common. */
const char *task_group_name(struct pool *pool, const struct task_group *group);

#endif
