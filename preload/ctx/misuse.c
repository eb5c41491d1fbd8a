/* SPDX-License-Identifier: MIT */
/*
 * What a program does wrong with libctx, where it can be noticed: counted, and told to the
 * tracker. What Go panics for ends the program here only where it asked for that.
 */
#include "preload/ctx/internal.h"

#include <stdio.h>
#include <stdlib.h>

#define ABORT_VARIABLE "CTXTRACE_ABORT_ON_MISUSE"

static const struct misuse {
    enum ctxtrace_attach_misuse what;
    enum ctxtrace_count count;
    const char *panic; /* NULL: never the end of the program */
} misuses[] = {
    {CTXTRACE_ATTACH_WAITGROUP_NEGATIVE, CTXTRACE_COUNT_WG_NEGATIVE, "more done than added"},
    {CTXTRACE_ATTACH_WAITGROUP_REUSED, CTXTRACE_COUNT_WG_REUSED,
     "added to before those who wait are back"},
    {CTXTRACE_ATTACH_WAITGROUP_DESTROYED, CTXTRACE_COUNT_WG_DESTROYED,
     "destroyed while it is not done, or waited for"},
    {CTXTRACE_ATTACH_WAITGROUP_UNDONE, CTXTRACE_COUNT_WG_UNDONE, NULL},
    {CTXTRACE_ATTACH_POP_ORDER, CTXTRACE_COUNT_OUT_OF_ORDER, NULL},
    {CTXTRACE_ATTACH_POP_ELSEWHERE, CTXTRACE_COUNT_POPPED_ELSEWHERE, NULL},
    {CTXTRACE_ATTACH_LEFT_ATTACHED, CTXTRACE_COUNT_LEFT_ATTACHED, NULL},
};

static _Atomic int aborts = -1; /* below: the environment says it */

void ctxtrace_abort_on_misuse(int is_wanted)
{
    atomic_store(&aborts, is_wanted != 0);
}

static bool is_to_abort(void)
{
    int said = atomic_load(&aborts);
    const char *variable = said < 0 ? secure_getenv(ABORT_VARIABLE) : NULL;
    return said > 0 || (variable && variable[0] == '1');
}

void libctx_misused(enum ctxtrace_attach_misuse what, const void *object, struct context *context,
                    uint64_t count, const void *site_pc)
{
    const struct misuse *misuse = misuses;
    while (misuse->what != what)
        misuse++;
    libctx_count(misuse->count);
    libctx_tell_misuse(what, object, context, count, site_pc);
    if (!misuse->panic || !is_to_abort())
        return;
    dprintf(2, "libctx: WaitGroup %p: %s, called from %p\n", object, misuse->panic, site_pc);
    abort();
}
