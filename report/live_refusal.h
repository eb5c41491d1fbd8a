/* SPDX-License-Identifier: MIT */
/*
 * Why a process may not be looked into by ptrace, in words that say what can be done.
 */
#ifndef REPORT_LIVE_REFUSAL_H
#define REPORT_LIVE_REFUSAL_H

#include "process_facts.h"

/* `error` is what the kernel said, a positive errno. */
void live_refusal_explain(const struct process_facts *process, int error, char *ret, size_t room);

/* Who traces it already: "gdb (pid 4711)". False: nobody. */
bool live_tracer_find(const struct process_facts *process, char *ret, size_t room);

#endif
