/* SPDX-License-Identifier: MIT */
/*
 * What the program holds on purpose: contexts with the flag CTT_CONTEXT_IGNORED, one for
 * each reason that it gives, named by it. They never end. A thread is in one of them
 * between a begin and an end, and so whatever it acquires is charged to it, at no cost to
 * the acquisition; a single block is moved into one.
 */
#ifndef FACTS_IGNORED_H
#define FACTS_IGNORED_H

#include <stdint.h>

/* The context for `why`, which may be NULL, and need not outlive the call. Beyond so many
 * reasons they share one. CONTEXT_NONE when there is no room for contexts. */
uint32_t ignored_context(const char *why);

/* Of the calling thread; they nest. An end without a begin does nothing. */
void ignored_begin(const char *why);
void ignored_end(void);

#endif
