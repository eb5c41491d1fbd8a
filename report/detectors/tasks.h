/* SPDX-License-Identifier: MIT */
/*
 * Tasks and contexts as what they are to their context: one more thing that it holds. A
 * detector that blames one enters it as a holding, so that it is counted, grouped, named and
 * shown as all others are.
 */
#ifndef REPORT_TASKS_H
#define REPORT_TASKS_H

#include "rules.h"

/* A declared task that has not ended. */
bool task_is_declared(const struct task *task);
bool task_is_alive(const struct task *task);
/* It sleeps in the kernel, as far as the dump tells; of a declared one its thread. */
bool task_is_blocked(const struct task *task);
/* "blocked in waitgroup 0x55.., for 3.2 s": what it does now. */
const char *task_doing(struct report *report, const struct task *task);

/* Never released, and nothing refers to it any more; not one that main made for as long as the
 * process lives, when that has ended. */
bool context_is_lost(const struct report *report, const struct context *context);
/* Made to be ended, not ended, and it does not end by itself. */
bool context_waits_for_end(const struct context *context);

/* Charged to its context, or to `context` where that is not NULL. */
struct holding *task_holding(struct report *report, struct task *task, struct context *context);
struct holding *context_holding(struct report *report, struct context *context);

#endif
