/* SPDX-License-Identifier: MIT */
/*
 * A quick look over the tables: may there be anything to say at exit? Most
 * processes hold nothing and must end as fast as without us; for the others a
 * dump is written and the command judges by detectors.md. So this look may say
 * yes too often, and must not say no where the command would speak.
 */
#ifndef OUTLETS_VERDICT_H
#define OUTLETS_VERDICT_H

#include <stdbool.h>

#include "preload/facts/module.h"

bool verdict_worth_saying(void);

/* Whether any frame of an acquisition stack is of the program's own. */
bool verdict_is_of_project(uint32_t stack);

/* A frame of the program's own: not of a module under the system's
 * directories (or, with project=, of one that matches it). */
bool module_in_project(const struct module *module);

#endif
