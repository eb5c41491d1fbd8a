/* SPDX-License-Identifier: MIT */
/* What a context is told to hold, and what is said of it: for the tracker alone. */
#include "preload/ctx/internal.h"

#include <stdarg.h>
#include <stdio.h>

#include "preload/ctx/ctxtrace_annotate.h"

#define REMARK_BYTES      96
#define NUMBER_OF_PROCESS 1u /* as the tracker counts contexts */

int ctxtrace_transfer(const char *kind, const void *object, ctxtrace_t *to)
{
    const struct ctxtrace_attach_resources *told = ctxtrace_resources();
    uint32_t number = to ? libctx_number(libctx_look(to)) : 0;
    return told ? told->moved(kind, object, number ? number : NUMBER_OF_PROCESS) : -1;
}

int ctxtrace_fd_transfer(int fd, ctxtrace_t *to)
{
    return ctxtrace_transfer(CTXTRACE_FD, CTXTRACE_NUMBER(fd), to);
}

int ctxtrace_mem_transfer(const void *block, ctxtrace_t *to)
{
    return ctxtrace_transfer(CTXTRACE_MEMORY, block, to);
}

void ctxtrace_note(ctxtrace_t *context, const char *key, const char *format, ...)
{
    char text[REMARK_BYTES];
    va_list values;
    if (!libctx_tracked())
        return;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    libctx_tell_remark(libctx_look(context), key, text);
}

void ctxtrace_grace(ctxtrace_t *context, uint64_t ns)
{
    libctx_tell_grace(libctx_look(context), ns);
}
