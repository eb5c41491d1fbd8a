/* SPDX-License-Identifier: MIT */
/*
 * CTX_TRY, ctx_fail and CTX_RECOVER: Go's panic and recover. The tries are in the registry among
 * the cleanups, so what is to be run is what was registered after the try, on its stack.
 *
 * longjmp skips cleanup attributes, so ctx_fail runs the cleanups before it jumps, while their
 * frames are still there, below which it runs itself.
 */
#include "preload/ctx/cleanup.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CAUSE_LENGTH sizeof(((ctxtrace_try_t *)0)->cause)
#define LINE_LENGTH  1024

/* Where the thread's last ctx_fail went to, until its recover block begins. */
static __thread ctxtrace_try_t *caught STATIC_TLS;

NOINLINE ctxtrace_try_t *ctxtrace_try_begin(ctxtrace_try_t *here, const struct ctxtrace_site *site,
                                            void *frame, void *caller)
{
    here->self = here;
    libctx_active_keep(&here->active);
    here->place = libctx_registry_add(here, site, frame, caller, NULL, NULL, CALLER_SP());
    if (here->place == NOWHERE)
        libctx_count(CTXTRACE_COUNT_CLEANUPS_UNREGISTERED);
    return here;
}

static void leave(ctxtrace_try_t *here, uintptr_t caller)
{
    if (here->self)
        libctx_registry_take(here, here->place, caller);
    here->self = NULL;
}

NOINLINE void ctxtrace_try_end(ctxtrace_try_t *here)
{
    leave(here, CALLER_SP());
}

ctxtrace_recovered_t ctxtrace_recovery(void)
{
    return (ctxtrace_recovered_t){.cause = caught->cause, .code = caught->code, .once = 1};
}

/* False for what a longjmp left, where that shows: its frame's memory is another's by now. */
__attribute__((no_sanitize_address)) static bool is_there(const struct cleanup *row)
{
    const ctxtrace_deferred_t *deferred = row->entry;
    if (!row->fn)
        return ((const ctxtrace_try_t *)row->entry)->self == row->entry;
    return deferred->fn == row->fn && deferred->arg == row->arg;
}

static bool has_try(const struct reach *reach)
{
    struct cleanup row;
    for (uint64_t cursor = LATEST; libctx_registry_before(reach, &cursor, &row);)
        if (!row.fn && is_there(&row))
            return true;
    return false;
}

/* Down to the nearest try, whose entry it returns. */
static ctxtrace_try_t *run_cleanups(const struct reach *reach)
{
    struct cleanup row;
    for (uint64_t cursor = LATEST; libctx_registry_before(reach, &cursor, &row);) {
        if (!is_there(&row))
            continue; /* it is noticed when there is nothing to be done first */
        if (!row.fn)
            return row.entry;
        libctx_cleanup_run(row.entry, reach->from);
    }
    return NULL;
}

static _Noreturn void die(const struct ctxtrace_site *site, int code, const char *cause,
                          const void *site_pc)
{
    char line[LINE_LENGTH];
    libctx_tell_misuse(CTXTRACE_ATTACH_RECOVERED_NONE, NULL, NULL, 0, site_pc);
    int length = snprintf(line, sizeof line, "%s:%d: %s: ctx_fail without CTX_TRY: %d, %s\n",
                          site->file, site->line, site->function, code, cause);
    if (length >= (int)sizeof line) {
        length = (int)sizeof line;
        line[length - 1] = '\n';
    }
    for (ssize_t n, done = 0; done < length; done += n)
        if ((n = write(STDERR_FILENO, line + done, (size_t)(length - done))) <= 0)
            break;
    abort();
}

NOINLINE void ctxtrace_fail_at(const struct ctxtrace_site *site, int code, const char *format, ...)
{
    char cause[CAUSE_LENGTH] = "";
    va_list arguments;
    va_start(arguments, format);
    if (format) /* before anything that it tells of is cleaned up */
        vsnprintf(cause, sizeof cause, format, arguments);
    va_end(arguments);

    struct reach reach;
    libctx_registry_reach(CALLER_SP(), &reach);
    bool has = has_try(&reach);
    if (!has && reach.further) {
        reach.to = reach.further;
        has = has_try(&reach);
    }
    ctxtrace_try_t *here = has ? run_cleanups(&reach) : NULL;
    if (!here)
        die(site, code, cause, __builtin_return_address(0));
    here->code = code;
    memcpy(here->cause, cause, sizeof cause);
    libctx_active_back(&here->active);
    leave(here, reach.from); /* a ctx_fail in the recover block goes to the one around */
    caught = here;
    longjmp(here->jump, 1);
}
