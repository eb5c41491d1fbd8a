/* SPDX-License-Identifier: MIT */
/* Faults that are injected: the start. books/injection.h says what and when. */
#ifndef HOOKS_INJECT_H
#define HOOKS_INJECT_H

#include <stdbool.h>

/* Once, at the program's start, before it can call anything twice at once. False: one is
 * not understood, or no function of that name can be made to fail. */
bool inject_start(const char *rules);

#endif
