/* SPDX-License-Identifier: MIT */
/*
 * Which modules are the person's own: those outside /usr (but /usr/local is
 * theirs), /lib*, /bin and /sbin, or those that the option project=GLOB
 * names. libc, the loader, the C++ runtime and ourselves never are.
 */
#ifndef REPORT_PROJECT_H
#define REPORT_PROJECT_H

#include <stdbool.h>

#include "model.h"

/* Sets in_project on every module. `glob` may be NULL or "". */
void project_mark(struct model *model, const char *glob);

/* Code that stands between the program and the kernel in every program. */
bool module_is_runtime(const struct module *module);

/* Not what system headers brought into the program: templates, inline functions. */
bool frame_in_project(const struct frame *frame);

/* The frame that a person wants to see first: the first one in-project, else
 * the first one outside the runtime, by preference no allocator's, else the
 * first. NULL: no frames. */
const struct frame *stack_best_frame(struct model *model, struct stack *stack);

/* Who called `frame` of that stack; NULL when nobody but the runtime did. */
const struct frame *stack_caller_frame(struct model *model, struct stack *stack,
                                       const struct frame *frame);

/* True when any frame is in-project. */
bool stack_has_project(struct model *model, struct stack *stack);

/* True when the first frame outside the runtime is in-project. */
bool stack_is_of_project(struct model *model, struct stack *stack);

#endif
