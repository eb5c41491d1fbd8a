/* SPDX-License-Identifier: MIT */
/*
 * Kinds of resources that are the program's own (a transaction, a lease): a name each,
 * numbered as they are first met, for the life of the process.
 */
#ifndef BOOKS_OWN_KINDS_H
#define BOOKS_OWN_KINDS_H

#include <stdint.h>

#include "preload/format.h"

#define OWN_KIND_NAME_BYTES 32u

/* A number from CTT_KIND_OWN_FIRST on; 0: no name, one of the tracker's own kinds', or no room
 * (counted). */
uint32_t own_kind(const char *name);
/* How many there are, and their names. */
uint32_t own_kinds(void);
const char *own_kind_name(uint32_t number);
/* All of them, into a state file that has just been begun. */
void own_kinds_mirror(void);

#endif
