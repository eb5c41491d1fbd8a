/* SPDX-License-Identifier: MIT */
/* Contexts that the program declares: what the tracker offers libctx. */
#ifndef HOOKS_DECLARED_H
#define HOOKS_DECLARED_H

#include "preload/ctx/attach.h"

extern const struct ctxtrace_attach_contexts declared_table;

#endif
