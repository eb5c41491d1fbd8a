/* SPDX-License-Identifier: MIT */
/*
 * Failures that may be ignored (D9): what this thread's last calls gave that failed.
 *
 * Kept where calls fail, and asked where a later call, or the program, fails in a way
 * that such a value explains: the descriptor -1, the address NULL, the count -1, the
 * handle of a thread that was never started. Each thread has its own, in its room
 * (ground/room.h); a handler may keep one while another is being kept or read.
 *
 * A program passes many failed calls rightly by. So it is the use that is told, and
 * only one that no sound program makes; the failure is told with it.
 */
#ifndef BOOKS_FAILURE_H
#define BOOKS_FAILURE_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/ground/room.h"

enum failure_sort {
    FAILURE_FD,      /* gave -1 instead of a descriptor */
    FAILURE_POINTER, /* gave NULL, or MAP_FAILED */
    FAILURE_READ,    /* gave -1 instead of a count */
    FAILURE_SORTS
};

/* After this long a use is not put down to a failure. */
#define FAILURE_RECENT_NS UINT64_C(1000000000)

/* The time is filled in here. */
void failure_keep(enum failure_sort sort, struct room_failure failure);
/* The last one of this sort, if it is recent. */
bool failure_recent(enum failure_sort sort, struct room_failure *ret_failure);

/* A thread that was not started: `handle` is what its variable holds all the same. */
void failure_keep_thread(struct room_failure failure);
/* However long ago: the handle says which. */
bool failure_of_thread(uint64_t handle, struct room_failure *ret_failure);

#endif
