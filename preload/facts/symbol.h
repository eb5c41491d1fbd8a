/* SPDX-License-Identifier: MIT */
/*
 * Functions of the program's modules by their names, found by reading the modules' own
 * tables: for names that most programs do not have. The loader's look-up would allocate
 * the text of its failure, and a sanitizer's allocator calls such functions from within
 * that very look-up.
 *
 * Takes no lock: at the program's start, or to be asked once and kept.
 */
#ifndef FACTS_SYMBOL_H
#define FACTS_SYMBOL_H

/* In the order in which the modules were loaded; NULL: none has it. */
void *symbol_first(const char *name);
/* Of those behind the tracker. */
void *symbol_next(const char *name);

#endif
