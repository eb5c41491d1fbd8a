/* SPDX-License-Identifier: MIT */
/*
 * What a program declares with libctx: the table that the tracker offers it (ctx/attach.h).
 * Contexts are in declared.c; tasks, cleanups and misuse in declared_tasks.c; resources, for
 * which no libctx is needed, in resource.c.
 */
#ifndef HOOKS_DECLARED_H
#define HOOKS_DECLARED_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/ctx/attach.h"
#include "preload/facts/unwind.h"

extern const struct ctxtrace_attach_contexts declared_table;
extern const struct ctxtrace_attach_resources resource_table;
extern const struct ctxtrace_attach_testing testing_table;

bool declared_may_tell(void);
/* Where the program called libctx: not the frames in between. The inmost frame is the
 * function that was called. */
uint32_t declared_stack(const struct call_site *site, const void *site_pc);

uint32_t declared_task_begun(uint32_t context, const char *name, const void *serves,
                             const void *site_pc);
void declared_task_ended(uint32_t task);
uint32_t declared_task_entered(uint32_t task);
void declared_task_blocked(uint32_t task, const char *why, const void *object);
void declared_cleanup_registered(const void *entry, const void *fn, const void *site_pc);
void declared_cleanup_over(const void *entry, int how);
void declared_misused(int what, const void *object, uint32_t context, uint64_t count,
                      const void *site_pc);

#endif
