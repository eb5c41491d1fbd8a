/* SPDX-License-Identifier: MIT */
/*
 * The trace that the process was started in: W3C's TRACEPARENT, as it stood in the environment
 * at the start. (https://www.w3.org/TR/trace-context/; programs that pass it on by that name
 * follow OpenTelemetry's rules for environment variables.)
 */
#ifndef FACTS_START_TRACE_H
#define FACTS_START_TRACE_H

/* Once, from the program's start. NULL, or what the standard wants dropped: there is none. */
void start_trace_read(const char *traceparent);

/* 32 digits, for ever; NULL: none. */
const char *start_trace_id(void);

#endif
