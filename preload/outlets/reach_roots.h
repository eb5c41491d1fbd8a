/* SPDX-License-Identifier: MIT */
/*
 * The roots: where a program keeps what it holds. One row of the table in reach_roots.c
 * for each sort. In the frozen copy of the process alone.
 */
#ifndef OUTLETS_REACH_ROOTS_H
#define OUTLETS_REACH_ROOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/outlets/reach.h"
#include "preload/outlets/reach_threads.h"

struct reach_roots {
    const struct reach_threads *threads;
    uint32_t parent;                 /* the process that this is a copy of */
    uint32_t leaving;                /* tid of the thread that is ending the process, or 0; */
    const struct reach_place *place; /* and where it was when it did so */
    uint32_t threads_unread;         /* of which not all was known */
    uint32_t moving;                 /* blocks that were in the middle of a realloc */
};

/* What only the living process can be asked: once, on its first thread. */
void roots_start(void);

/* Where a thread keeps `self`, by its task; NULL: not known. */
struct task;
const struct thread_self *roots_self_of(const struct task *task);

/* Marks all that the roots lead to. After areas_read and index_make. */
void roots_mark(struct reach_roots *roots);

#endif
