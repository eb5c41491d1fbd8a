/* SPDX-License-Identifier: MIT */
/*
 * How much memory this process may have, and how much of it is left: the control groups
 * that it is in, up to the root, and the machine. One caller at a time.
 */
#ifndef GROUND_MEMORY_BOUND_H
#define GROUND_MEMORY_BOUND_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes; UINT64_MAX: nobody says. */
uint64_t memory_bound(void);
uint64_t memory_left(void);
/* Whether, when it runs out, not one process of the control group is killed but all. */
bool memory_dies_together(void);
/* Of this process in memory, in bytes. */
uint64_t memory_resident(void);

#endif
