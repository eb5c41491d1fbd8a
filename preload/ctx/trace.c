/* SPDX-License-Identifier: MIT */
/*
 * Traces of requests that cross processes: reading W3C's traceparent
 * (https://www.w3.org/TR/trace-context/), version 00 and what later ones keep of it, and ids of
 * any other form, which only we know.
 */
#include "preload/ctx/internal.h"

#include <stdlib.h>
#include <string.h>

#define TRACE_DIGITS 32
#define SPAN_DIGITS  16
#define W3C_LENGTH   55   /* 00-TRACE-SPAN-FLAGS */
#define FLAGS_KEPT   0x03 /* sampled, random: others must not be passed on */

static bool is_hex(const char *text, size_t digits)
{
    for (size_t i = 0; i < digits; i++)
        if (!text[i] || !strchr("0123456789abcdef", text[i]))
            return false;
    return true;
}

static bool is_id(const char *text, size_t digits)
{
    return is_hex(text, digits) && strspn(text, "0") < digits;
}

static unsigned hex_value(const char *two)
{
    char text[3] = {two[0], two[1], '\0'};
    return (unsigned)strtoul(text, NULL, 16);
}

/* False for what the standard wants dropped. */
static bool trace_parse(const char *text, struct trace *ret_trace)
{
    size_t length = text ? strnlen(text, W3C_LENGTH + 1) : 0;
    if (length < W3C_LENGTH)
        return false;
    const char *trace_id = text + 3, *span_id = trace_id + TRACE_DIGITS + 1;
    const char *flags = span_id + SPAN_DIGITS + 1;
    unsigned version = is_hex(text, 2) ? hex_value(text) : 0xff;
    bool is_long = length > W3C_LENGTH;
    if (version == 0xff || (is_long && (version == 0 || text[W3C_LENGTH] != '-')))
        return false;
    if (text[2] != '-' || span_id[-1] != '-' || flags[-1] != '-')
        return false;
    if (!is_id(trace_id, TRACE_DIGITS) || !is_id(span_id, SPAN_DIGITS) || !is_hex(flags, 2))
        return false;
    *ret_trace = (struct trace){.is_w3c = true, .flags = hex_value(flags) & FLAGS_KEPT};
    memcpy(ret_trace->trace_id, trace_id, TRACE_DIGITS);
    memcpy(ret_trace->span_id, span_id, SPAN_DIGITS);
    return true;
}

static ctxtrace_t *with_parsed(const struct ctxtrace_site *site, ctxtrace_t *parent,
                               const char *text, const void *site_pc)
{
    struct trace trace;
    bool is_valid = trace_parse(text, &trace);
    if (!is_valid)
        libctx_count(CTXTRACE_COUNT_TRACES_DROPPED);
    return libctx_with_trace(site, parent, is_valid ? &trace : NULL, site_pc);
}

ctxtrace_t *ctxtrace_with_trace_at(const struct ctxtrace_site *site, ctxtrace_t *parent,
                                   const char *traceparent)
{
    return with_parsed(site, parent, traceparent, __builtin_return_address(0));
}

ctxtrace_t *ctxtrace_from_env_at(const struct ctxtrace_site *site)
{
    const char *text = getenv("TRACEPARENT");
    ctxtrace_t *parent = ctxtrace_background();
    const void *site_pc = __builtin_return_address(0);
    if (!text || !*text)
        return libctx_with_trace(site, parent, NULL, site_pc);
    return with_parsed(site, parent, text, site_pc);
}

static void copy_id(char *to, const char *from)
{
    size_t length = from ? strnlen(from, TRACE_ID_BYTES - 1) : 0;
    if (length)
        memcpy(to, from, length);
    to[length] = '\0';
}

ctxtrace_t *ctxtrace_with_trace_id_at(const struct ctxtrace_site *site, ctxtrace_t *parent,
                                      const char *trace_id, const char *span)
{
    struct trace trace = {.flags = 0};
    copy_id(trace.trace_id, trace_id);
    copy_id(trace.span_id, span);
    trace.is_w3c = strlen(trace.trace_id) == TRACE_DIGITS && strlen(trace.span_id) == SPAN_DIGITS &&
                   is_id(trace.trace_id, TRACE_DIGITS) && is_id(trace.span_id, SPAN_DIGITS);
    return libctx_with_trace(site, parent, &trace, __builtin_return_address(0));
}
