/* SPDX-License-Identifier: MIT */
/*
 * Pointers that only the kernel holds, to give them back with an event: the data of an
 * epoll's entries, the value of a timer's signal. /proc shows both, of the living process;
 * so they are asked for right before the copy is made, which has the answers. What was
 * handed to io_uring or aio /proc does not show (reach_areas.h, has_rings).
 */
#ifndef OUTLETS_REACH_KERNEL_H
#define OUTLETS_REACH_KERNEL_H

#include <stdbool.h>

/* In the living process, by one task at a time. False: not all could be read. */
bool kernel_ask(void);
void kernel_forget(void);
/* In the copy. */
struct reach_roots;
void kernel_mark(struct reach_roots *roots);

#endif
