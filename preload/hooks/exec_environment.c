/* SPDX-License-Identifier: MIT */
/* The environment of a program that is about to be started, and the signals that
 * wait for its tracker. */
#include "preload/hooks/exec.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/facts/signals.h"
#include "preload/ground/arena.h"
#include "preload/ground/config.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"

#define OWN_NAME    "libctxtrace.so" /* and whatever version follows */
#define VARIABLE    "LD_PRELOAD="
#define SEPARATORS  " :"
#define PATH_BYTES  1024
#define SHIELD_ROOM (sizeof SIGNALS_SHIELD + sizeof "=0x0123456789abcdef")

/* ---- ourselves in LD_PRELOAD ---- */

static bool is_own(const char *entry, size_t bytes)
{
    const char *name = entry;
    for (const char *at = entry; at < entry + bytes; at++)
        if (*at == '/')
            name = at + 1;
    size_t rest = (size_t)(entry + bytes - name);
    return rest >= strlen(OWN_NAME) && memcmp(name, OWN_NAME, strlen(OWN_NAME)) == 0;
}

/* Copies the list without our entries to `to` (which may be NULL); tells
 * whether there were any. */
static bool list_filter(const char *list, char *to)
{
    bool found = false;
    char *begin = to;
    while (*list) {
        size_t gap = strspn(list, SEPARATORS);
        size_t bytes = strcspn(list + gap, SEPARATORS);
        if (is_own(list + gap, bytes)) {
            found = true;
        } else if (to && bytes) {
            if (to != begin)
                *to++ = ':';
            memcpy(to, list + gap, bytes);
            to += bytes;
        }
        list += gap + bytes;
    }
    if (to)
        *to = '\0';
    return found;
}

/* A name without a slash is the loader's to find, as it has found us. */
static bool own_can_be_read(const char *list)
{
    char path[PATH_BYTES];
    while (*list) {
        size_t gap = strspn(list, SEPARATORS);
        size_t bytes = strcspn(list + gap, SEPARATORS);
        const char *name = list + gap;
        list += gap + bytes;
        if (!is_own(name, bytes) || bytes >= sizeof path)
            continue;
        memcpy(path, name, bytes);
        path[bytes] = '\0';
        return !strchr(path, '/') ||
               sys_call(SYS_faccessat, AT_FDCWD, (long)path, R_OK, 0, 0, 0) == 0;
    }
    return false;
}

void exec_skip_children(char **envp)
{
    for (char **entry = envp; *entry; entry++) {
        const size_t head = strlen(VARIABLE);
        if (strncmp(*entry, VARIABLE, head) != 0 || !list_filter(*entry + head, NULL))
            continue;
        char *rest = arena_copy(*entry, strlen(*entry));
        if (!rest)
            return;
        list_filter(*entry + head, rest + head);
        *entry = rest;
        /* As with unsetenv: the entries behind it move up. */
        if (!rest[head])
            for (char **at = entry; *at; at++)
                at[0] = at[1];
        return;
    }
}

/* ---- plans ---- */

static void preload_find(struct exec_plan *plan, char *const envp[])
{
    size_t found = SIZE_MAX;
    *plan = (struct exec_plan){.entries = 0};
    for (; envp && envp[plan->entries]; plan->entries++) {
        const char *variable = envp[plan->entries];
        if (found == SIZE_MAX && strncmp(variable, VARIABLE, strlen(VARIABLE)) == 0 &&
            list_filter(variable + strlen(VARIABLE), NULL))
            found = plan->entries;
    }
    plan->preload_at = found == SIZE_MAX ? plan->entries : found;
}

static bool names_us(const struct exec_plan *plan)
{
    return plan->preload_at < plan->entries;
}

/* The variables that come on top are two at most, and the NULL. */
static void plan_measure(struct exec_plan *plan, char *const envp[])
{
    if (!plan->strip && !plan->warned && !plan->shield)
        return;
    plan->bytes = (plan->entries + 3) * sizeof(char *) + SHIELD_ROOM;
    if (plan->strip)
        plan->bytes += strlen(envp[plan->preload_at]) + 1;
}

void exec_plan_start(struct exec_plan *ret_plan, const struct exec_target *target,
                     char *const envp[])
{
    preload_find(ret_plan, envp);
    ret_plan->strip = names_us(ret_plan) && exec_fit_of(target) == EXEC_FOREIGN;
    plan_measure(ret_plan, envp);
}

/* The new program's loader obeys LD_PRELOAD if the ids are as those of any. */
static bool has_plain_ids(void)
{
    return sys_call(SYS_getuid, 0, 0, 0, 0, 0, 0) == sys_call(SYS_geteuid, 0, 0, 0, 0, 0, 0) &&
           sys_call(SYS_getgid, 0, 0, 0, 0, 0, 0) == sys_call(SYS_getegid, 0, 0, 0, 0, 0, 0);
}

void exec_plan_replace(struct exec_plan *ret_plan, const struct exec_target *target,
                       char *const envp[])
{
    preload_find(ret_plan, envp);
    enum exec_fit fit = names_us(ret_plan) ? exec_fit_of(target) : EXEC_UNKNOWN;
    ret_plan->strip = fit == EXEC_FOREIGN;
    ret_plan->warned = config_complaint() != NULL;
    if (fit == EXEC_SURE && has_plain_ids() &&
        own_can_be_read(envp[ret_plan->preload_at] + strlen(VARIABLE))) {
        uint64_t wanted = signals_requests();
        ret_plan->shield = wanted ? wanted & ~signals_mask(SIG_BLOCK, wanted) : 0;
    }
    plan_measure(ret_plan, envp);
}

void exec_plan_undo(const struct exec_plan *plan)
{
    if (plan->shield)
        signals_mask(SIG_UNBLOCK, plan->shield);
}

/* ---- environments ---- */

static char *shield_write(uint64_t shield, char *space)
{
    struct text text = {space, 0, SHIELD_ROOM};
    text_add(&text, SIGNALS_SHIELD "=");
    text_add_hex(&text, shield);
    return space;
}

char *const *exec_environment_make(const struct exec_plan *plan, char *const envp[], void *space)
{
    static char mark[] = EXEC_WARNED "=1";
    char **fresh = space;
    char *shield = (char *)(fresh + plan->entries + 3);
    char *preload = shield + SHIELD_ROOM;
    size_t used = 0;
    for (size_t i = 0; i < plan->entries; i++) {
        if (!plan->strip || i != plan->preload_at) {
            fresh[used++] = envp[i];
            continue;
        }
        HEALTH(preloads_stripped);
        memcpy(preload, VARIABLE, strlen(VARIABLE));
        list_filter(envp[i] + strlen(VARIABLE), preload + strlen(VARIABLE));
        if (preload[strlen(VARIABLE)])
            fresh[used++] = preload;
    }
    if (plan->warned)
        fresh[used++] = mark;
    if (plan->shield)
        fresh[used++] = shield_write(plan->shield, shield);
    fresh[used] = NULL;
    return fresh;
}
