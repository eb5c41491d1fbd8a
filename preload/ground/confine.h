/* SPDX-License-Identifier: MIT */
/*
 * A program that confines itself (seccomp) is killed for a system call that it
 * does not expect, also for one of ours: after startup we keep to what its own
 * filters allow (hazards.md D15). The filters are known from the hooks around
 * the calls that install them, and are asked for each call that we are about to
 * make. One thread's filter is taken for everybody's. What was installed before
 * an exec, or by a system call of the program's own, is not known.
 */
#ifndef GROUND_CONFINE_H
#define GROUND_CONFINE_H

#include <linux/filter.h>
#include <stdatomic.h>
#include <stdbool.h>

struct confine_filter;

extern _Atomic bool confine_any;

/* Before the filter is installed: the call that does it may be the last that
 * was allowed. The answer goes to confine_failed when it was not installed. */
struct confine_filter *confine_by_filter(const struct sock_fprog *program);
struct confine_filter *confine_strictly(void);
void confine_failed(struct confine_filter *filter);

/* Whether the call would be answered by a kill, a signal, or a wait for
 * somebody's decision. One that is merely refused may be tried. */
bool confine_forbids(long number, const long arguments[6]);
/* The same, or it would merely be refused: for what must not fail once it is begun. */
bool confine_refuses(long number, const long arguments[6]);

/* True once anything confines us: then no task and no command are started, since
 * how they end is not ours to foresee. */
static inline bool confined(void)
{
    return __builtin_expect(atomic_load_explicit(&confine_any, memory_order_acquire), 0);
}

#endif
