/* SPDX-License-Identifier: MIT */
/*
 * Pointers that only the kernel holds, to give them back with an event: the data of an
 * epoll's entries, the value of a timer's signal. /proc shows both. What was handed to io_uring or
 * aio it does not show (reach_areas.h, has_rings).
 */
#ifndef OUTLETS_REACH_KERNEL_H
#define OUTLETS_REACH_KERNEL_H

struct reach_roots;

void kernel_mark(struct reach_roots *roots);

#endif
