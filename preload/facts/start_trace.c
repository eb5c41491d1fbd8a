/* SPDX-License-Identifier: MIT */
#include "preload/facts/start_trace.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define TRACE_DIGITS 32
#define SPAN_DIGITS  16

/* VERSION-TRACE-SPAN-FLAGS */
#define TRACE_AT 3
#define SPAN_AT  (TRACE_AT + TRACE_DIGITS + 1)
#define FLAGS_AT (SPAN_AT + SPAN_DIGITS + 1)
#define END_AT   (FLAGS_AT + 2)

static char id[TRACE_DIGITS + 1];
static atomic_bool is_known;

/* Stops at the end of a text that is too short. */
static bool has_digits(const char *at, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (!(at[i] >= '0' && at[i] <= '9') && !(at[i] >= 'a' && at[i] <= 'f'))
            return false;
    return true;
}

/* An id of nothing but zeros is none. */
static bool is_id(const char *at, unsigned count)
{
    unsigned zeros = 0;
    if (!has_digits(at, count))
        return false;
    while (zeros < count && at[zeros] == '0')
        zeros++;
    return zeros < count;
}

static bool is_valid(const char *text)
{
    if (!has_digits(text, 2) || text[2] != '-' || (text[0] == 'f' && text[1] == 'f'))
        return false;
    if (!is_id(text + TRACE_AT, TRACE_DIGITS) || text[SPAN_AT - 1] != '-' ||
        !is_id(text + SPAN_AT, SPAN_DIGITS) || text[FLAGS_AT - 1] != '-' ||
        !has_digits(text + FLAGS_AT, 2))
        return false;
    /* Later versions may go on. */
    bool is_first = text[0] == '0' && text[1] == '0';
    return text[END_AT] == '\0' || (!is_first && text[END_AT] == '-');
}

void start_trace_read(const char *traceparent)
{
    if (!traceparent || !is_valid(traceparent) || atomic_load(&is_known))
        return;
    __builtin_memcpy(id, traceparent + TRACE_AT, TRACE_DIGITS);
    atomic_store(&is_known, true);
}

const char *start_trace_id(void)
{
    return atomic_load(&is_known) ? id : NULL;
}
