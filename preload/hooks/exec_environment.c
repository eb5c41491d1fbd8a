/* SPDX-License-Identifier: MIT */
/* The environment of a program that is about to be started, and the signals that
 * wait for its tracker. */
#include "preload/hooks/exec.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "preload/facts/signals.h"
#include "preload/ground/arena.h"
#include "preload/ground/config.h"
#include "preload/ground/guard.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"

#define VARIABLE    EXEC_PRELOAD "="
#define SHIELDED    SIGNALS_SHIELD "="
#define SHIELD_ROOM (sizeof SIGNALS_SHIELD + sizeof "=0x0123456789abcdef+")
/* The copy of a larger environment has no room on a small stack; only who could not
 * be started otherwise gets one. */
#define ENTRIES_COPIED 512
#define ON_TOP         4  /* variables, and the NULL */
#define ENTRIES_LOOKED 32 /* at once */
#define PAGE_BYTES     4096

static char *kept;
static int keeper; /* the process */

void exec_keep(const char *entry)
{
    kept = arena_copy(entry, strlen(entry));
    keeper = sys_getpid();
}

/* ---- plans ---- */

/* How many of `pointers` are strings that can be read, before a NULL. */
static size_t strings_count(char *const pointers[], size_t count)
{
    char first[ENTRIES_LOOKED];
    struct iovec strings[ENTRIES_LOOKED];
    size_t n = 0;
    for (; n < count && pointers[n]; n++)
        strings[n] = (struct iovec){pointers[n], 1};
    return n == 0 || sys_peek_all(strings, n, first) ? n : SIZE_MAX;
}

/* SIZE_MAX: one that cannot be read, for the kernel to refuse. The program's own is
 * libc's, too. */
static size_t entries_count(char *const envp[])
{
    size_t entries = 0, n, looked;
    if (!envp)
        return 0;
    if (envp == environ) {
        while (envp[entries])
            entries++;
        return entries;
    }
    do {
        char *pointers[ENTRIES_LOOKED];
        uintptr_t at = (uintptr_t)(envp + entries);
        looked = (PAGE_BYTES - at % PAGE_BYTES) / sizeof *envp;
        looked = looked == 0 ? 1 : looked > ENTRIES_LOOKED ? ENTRIES_LOOKED : looked;
        if (!sys_peek(envp + entries, pointers, looked * sizeof *envp))
            return SIZE_MAX;
        n = strings_count(pointers, looked);
        entries = n == SIZE_MAX ? SIZE_MAX : entries + n;
    } while (n == looked);
    return entries;
}

/* Of two the loader obeys the last. */
static void preload_find(struct exec_plan *plan, char *const envp[])
{
    size_t entries = entries_count(envp), last = SIZE_MAX;
    *plan = (struct exec_plan){.entries = entries == SIZE_MAX ? 0 : entries};
    for (size_t i = 0; i < plan->entries; i++)
        if (strncmp(envp[i], VARIABLE, strlen(VARIABLE)) == 0)
            last = i;
    bool ours = last != SIZE_MAX && exec_preload_filter(envp[last] + strlen(VARIABLE), NULL);
    plan->preload_at = ours ? last : plan->entries;
}

static bool names_us(const struct exec_plan *plan)
{
    return plan->preload_at < plan->entries;
}

/* The variables that come on top, and the NULL. */
static void plan_measure(struct exec_plan *plan, char *const envp[])
{
    if (!plan->strip && !plan->warned && !plan->kept && !plan->shield && !plan->lifted)
        return;
    plan->bytes = (plan->entries + ON_TOP) * sizeof(char *) + SHIELD_ROOM;
    if (plan->strip)
        plan->bytes += strlen(envp[plan->preload_at]) + 1;
}

void exec_plan_start(struct exec_plan *ret_plan, const struct exec_target *target,
                     char *const envp[])
{
    preload_find(ret_plan, envp);
    ret_plan->strip = names_us(ret_plan) && exec_fit_of(target, false) == EXEC_FOREIGN;
    plan_measure(ret_plan, envp);
}

/* The new program's loader obeys LD_PRELOAD if the ids are as those of any. */
static bool has_plain_ids(void)
{
    return sys_call(SYS_getuid, 0, 0, 0, 0, 0, 0) == sys_call(SYS_geteuid, 0, 0, 0, 0, 0, 0) &&
           sys_call(SYS_getgid, 0, 0, 0, 0, 0, 0) == sys_call(SYS_getegid, 0, 0, 0, 0, 0, 0);
}

/* A loader that may map no more goes on without what it was to preload. */
static bool may_map(void)
{
    static const int limits[] = {RLIMIT_AS, RLIMIT_DATA};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct rlimit limit = {0};
        if (sys_call(SYS_prlimit64, 0, limits[i], 0, (long)&limit, 0, 0) < 0 ||
            limit.rlim_cur != RLIM_INFINITY)
            return false;
    }
    return true;
}

/* What waits for our own start, while constructors of libraries run. */
static uint64_t shield_over_us(void)
{
    int state = atomic_load(&tracker_state);
    const char *value = state == TRACKER_COLD || state == TRACKER_EARLY
                            ? environment_value(environ, SIGNALS_SHIELD)
                            : NULL;
    return value ? text_read_hex(&value) : 0;
}

/* Whether the variable goes on to the new program, as it does when nobody cares. */
static bool hands_on(const struct exec_plan *plan, char *const envp[])
{
    for (size_t i = 0; i < plan->entries; i++)
        if (strncmp(envp[i], SHIELDED, strlen(SHIELDED)) == 0)
            return true;
    return false;
}

static void shield_lift(struct exec_plan *plan, uint64_t shield)
{
    plan->lifted = signals_mask(SIG_BLOCK, 0) & shield;
    signals_unshield(plan->lifted);
}

void exec_plan_replace(struct exec_plan *ret_plan, const struct exec_target *target,
                       char *const envp[])
{
    preload_find(ret_plan, envp);
    bool copied = ret_plan->entries <= ENTRIES_COPIED;
    uint64_t over_us = shield_over_us();
    uint64_t wanted = copied && signals_request_ever_came() ? signals_requests() : 0;
    enum exec_fit fit = names_us(ret_plan) ? exec_fit_of(target, wanted | over_us) : EXEC_UNKNOWN;
    ret_plan->strip = fit == EXEC_FOREIGN;
    ret_plan->warned = copied && config_complaint() != NULL;
    ret_plan->kept = copied && sys_getpid() == keeper ? kept : NULL;
    bool surely = (wanted | over_us) && fit == EXEC_SURE && has_plain_ids() && may_map() &&
                  exec_preload_found(envp[ret_plan->preload_at] + strlen(VARIABLE));
    if (over_us && !(surely && hands_on(ret_plan, envp)))
        shield_lift(ret_plan, over_us);
    if (wanted && surely)
        ret_plan->shield = wanted & ~signals_mask(SIG_BLOCK, wanted);
    plan_measure(ret_plan, envp);
}

void exec_plan_undo(struct exec_plan *plan)
{
    if (plan->shield)
        signals_mask(SIG_UNBLOCK, plan->shield);
    if (plan->lifted)
        signals_mask(SIG_BLOCK, plan->lifted);
    plan->shield = plan->lifted = 0;
}

/* ---- environments ---- */

static char *shield_write(uint64_t shield, char *space)
{
    struct text text = {space, 0, SHIELD_ROOM};
    text_add(&text, SIGNALS_SHIELD "=");
    text_add_hex(&text, shield);
    text_add(&text, (const char[]){SIGNALS_SHIELD_MARK, '\0'});
    return space;
}

char *const *exec_environment_make(const struct exec_plan *plan, char *const envp[], void *space)
{
    static char mark[] = EXEC_WARNED "=1";
    char **fresh = space;
    char *shield = (char *)(fresh + plan->entries + ON_TOP);
    char *preload = shield + SHIELD_ROOM;
    size_t used = 0;
    for (size_t i = 0; i < plan->entries; i++) {
        if (plan->lifted && strncmp(envp[i], SHIELDED, strlen(SHIELDED)) == 0)
            continue;
        if (!plan->strip || i != plan->preload_at) {
            fresh[used++] = envp[i];
            continue;
        }
        HEALTH(preloads_stripped);
        memcpy(preload, VARIABLE, strlen(VARIABLE));
        exec_preload_filter(envp[i] + strlen(VARIABLE), preload + strlen(VARIABLE));
        if (preload[strlen(VARIABLE)])
            fresh[used++] = preload;
    }
    if (plan->warned)
        fresh[used++] = mark;
    if (plan->kept)
        fresh[used++] = plan->kept;
    if (plan->shield)
        fresh[used++] = shield_write(plan->shield, shield);
    fresh[used] = NULL;
    return fresh;
}
