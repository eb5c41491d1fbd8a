/* SPDX-License-Identifier: MIT */
/*
 * Streams, directories, threads and children, one by one; and the fields that
 * all holdings have in common.
 */
#include <signal.h>
#include <string.h>

#include "preload/books/keytable.h"
#include "preload/books/openings.h"
#include "preload/books/touches.h"
#include "preload/facts/context.h"
#include "preload/facts/lock.h"
#include "preload/facts/module.h"
#include "preload/facts/signals.h"
#include "preload/facts/task.h"
#include "preload/ground/config.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"
#include "preload/outlets/dump_holdings.h"
#include "preload/outlets/reach.h"

#define NS_PER_MS  UINT64_C(1000000)
#define PATH_BYTES 64u
#define KINDS      (CTT_KIND_OWN_FIRST + CTT_KIND_OWN_COUNT)

/* Another task has used it since the context that it belongs to ended. Both
 * times are of the same coarse clock; in the same tick it counts as since. */
static bool used_elsewhere(const struct holding_copy *holding, uint64_t used_ns)
{
    struct context_copy context;
    return holding->last_task && holding->last_task != holding->task && used_ns != CTT_NEVER &&
           context_read(holding->context, &context) &&
           used_ns / NS_PER_MS >= context.ended_ns / NS_PER_MS;
}

void dump_fill_holding(struct dump *dump, const struct holding_copy *holding,
                       struct ctt_holding *ret_record)
{
    /* last_used_ms is one too large, so that 0 can mean "never". */
    uint64_t used_ns = holding->last_used_ms ? (holding->last_used_ms - 1) * NS_PER_MS : CTT_NEVER;
    *ret_record = (struct ctt_holding){
        .kind = holding->kind,
        .flags = holding->flags,
        .handle = holding->handle,
        .owner = holding->owner,
        .owner_kind = holding->owner_kind,
        .context = dump_context(dump, holding->context),
        .task = holding->task,
        .stack = dump_stack(dump, holding->stack),
        .acquired_ns = holding->acquired_ns,
        .bytes = holding->bytes,
        .last_used_ns = used_ns,
        .last_task = holding->last_task,
        .detail = dump_string(
            dump, holding->detail < DETAIL_COUNT ? holding_details[holding->detail] : NULL),
    };
    if (used_elsewhere(holding, used_ns))
        ret_record->flags |= CTT_HOLDING_USED_ELSEWHERE;
}

/* ---- children ---- */

static bool children_are_auto_reaped(void)
{
    struct kernel_sigaction action;
    return signals_kernel(SIGCHLD, NULL, &action) == 0 &&
           (action.handler == (void *)SIG_IGN || (action.flags & SA_NOCLDWAIT));
}

/* "PID (name) S ...": the name may hold anything, so the last ')' ends it. */
static void describe_child(struct dump *dump, struct ctt_holding *record)
{
    char path[PATH_BYTES], line[512];
    struct text text = TEXT_OF(path);
    text_add(&text, "/proc/");
    text_add_u64(&text, record->handle);
    text_add(&text, "/stat");
    if (sys_slurp(path, line, sizeof line) <= 0) {
        record->flags |= CTT_HOLDING_GONE;
        return;
    }
    char *name = strchr(line, '('), *end = strrchr(line, ')');
    if (!name || !end || end < name)
        return;
    record->name = dump_string_bytes(dump, name + 1, (size_t)(end - name - 1));
    if (end[1] == ' ' && (end[2] == 'Z' || end[2] == 'X'))
        record->flags |= CTT_HOLDING_ENDED;
}

/* ---- threads ---- */

/* The table knows a thread by its pthread_t, people by its tid and name. */
static void describe_thread(struct dump *dump, struct ctt_holding *record)
{
    const struct task *task = task_get((uint32_t)record->owner);
    record->owner = 0;
    if (!task)
        return;
    char path[PATH_BYTES], line[64];
    struct text text = TEXT_OF(path);
    record->handle = atomic_load(&task->tid);
    if (atomic_load(&task->flags) & CTT_TASK_ENDED)
        record->flags |= CTT_HOLDING_ENDED; /* also by a raw exit: dump_reconcile */
    text_add(&text, "/proc/self/task/");
    text_add_u64(&text, record->handle);
    text_add(&text, "/comm");
    ssize_t bytes = record->flags & CTT_HOLDING_ENDED ? 0 : sys_slurp(path, line, sizeof line);
    record->name = bytes > 1 ? dump_string_bytes(dump, line, (size_t)bytes - 1)
                             : dump_string(dump, task->name);
}

/* ---- modules ---- */

/* The table knows one by when it was opened, too, and what it is by its module. */
static void describe_module(struct dump *dump, struct ctt_holding *record)
{
    const struct module *module = module_get((uint32_t)record->owner);
    record->owner = 0;
    record->handle = OPENING_HANDLE(record->handle);
    record->name = dump_string(dump, module ? module->path : NULL);
}

/* ---- the program's own ---- */

/* Its name is what it went through. */
static void describe_own(struct dump *dump, const struct holding_copy *holding,
                         struct ctt_holding *record)
{
    char hints[256];
    struct text text = TEXT_OF(hints);
    touches_tell(holding->live, &text);
    if (text.used)
        record->name = dump_string(dump, hints);
}

/* ---- the key table ---- */

struct scan {
    struct dump *dump;
    bool auto_reaped;
    uint64_t listed[KINDS];
};

static void tell_key(const struct holding_copy *holding, void *arg)
{
    struct scan *scan = arg;
    struct dump *dump = scan->dump;
    if (holding->acquired_ns > dump->taken_ns || holding->kind >= KINDS ||
        (holding->kind == CTT_KIND_LOCK && !lock_is_held(holding)))
        return;
    dump_count_live(dump, holding->stack, 1);
    if (scan->listed[holding->kind]++ >= (uint64_t)config.max_listed) {
        HEALTH(listing_cut);
        return;
    }
    struct ctt_holding record;
    dump_fill_holding(dump, holding, &record);
    if ((record.kind == CTT_KIND_STREAM || record.kind == CTT_KIND_DIR) &&
        reach_lost_handle(record.handle))
        record.flags |= CTT_HOLDING_LIBC_ONLY;
    if (record.kind >= CTT_KIND_OWN_FIRST)
        describe_own(dump, holding, &record);
    if (record.kind == CTT_KIND_THREAD)
        describe_thread(dump, &record);
    if (record.kind == CTT_KIND_MODULE)
        describe_module(dump, &record);
    if (record.kind == CTT_KIND_LOCK) {
        record.handle = LOCK_ADDRESS(record.handle);
        record.owner = 0; /* a tid: the task has it */
    }
    if (record.kind == CTT_KIND_PROCESS) {
        describe_child(dump, &record);
        if (scan->auto_reaped)
            record.flags |= CTT_HOLDING_REAPLESS;
    }
    dump_record(dump, CTT_HOLDING, &record, sizeof record);
}

void dump_keys(struct dump *dump)
{
    struct scan scan = {.dump = dump, .auto_reaped = children_are_auto_reaped()};
    key_scan(tell_key, &scan);
}
