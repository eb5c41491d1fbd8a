/* SPDX-License-Identifier: MIT */
/*
 * What a program's own tests ask (ctx/ctxtrace_test.h): what is held now, by a context and
 * all below it, or since a moment; and a snapshot by call.
 *
 * Told is what a report would tell, had the context ended now: not what was inherited, what
 * libc or libctx keep, or what is meant to be held.
 */
#include <fcntl.h>

#include "preload/books/fdtable.h"
#include "preload/books/keytable.h"
#include "preload/books/ledger.h"
#include "preload/books/own_kinds.h"
#include "preload/books/ranges.h"
#include "preload/ctx/attach.h"
#include "preload/ctx/ctxtrace_annotate.h"
#include "preload/facts/context.h"
#include "preload/facts/job.h"
#include "preload/facts/kinds.h"
#include "preload/facts/module.h"
#include "preload/facts/stack.h"
#include "preload/ground/notify.h"
#include "preload/ground/sys.h"
#include "preload/hooks/declared.h"

#define FRAMES_TOLD 24u
#define COPY_BYTES  4096u

struct scan {
    const struct ctxtrace_held_query *query;
    uint32_t since_number, since_ms;
    void (*tell)(const struct ctxtrace_held *held, void *arg);
    void *arg;
};

/* ---- which ---- */

static bool is_within(uint32_t context, uint32_t top)
{
    struct context_copy copy;
    while (context != CONTEXT_NONE && context != top)
        context = context_read(context, &copy) ? copy.parent : CONTEXT_NONE;
    return context == top;
}

/* By another than libc: a block that libc acquired is its own, or is told as its kind. */
static bool is_acquired_outside_libc(uint32_t stack)
{
    uint64_t pcs[2];
    enum ctt_cut cut;
    const struct module *module = NULL;
    if (stack_pcs(stack, pcs, 2, &cut) == 2)
        module = module_get(CTT_PC_MODULE(pcs[1]));
    return !module || !(module->flags & (CTT_MODULE_LIBC | CTT_MODULE_LOADER));
}

static bool is_wanted(const struct scan *scan, uint32_t context)
{
    struct context_copy copy;
    bool is_ignored = context_read(context, &copy) && (copy.flags & CTT_CONTEXT_IGNORED);
    return !is_ignored && (!scan->query->context || is_within(context, scan->query->context));
}

/* ---- telling ---- */

/* In its own frame, and in one array after the other: it may be called on a small stack. */
__attribute__((noinline)) static void tell(const struct scan *scan, struct ctxtrace_held held,
                                           uint32_t context, uint32_t stack)
{
    union {
        uint64_t pcs[FRAMES_TOLD];
        const void *frames[FRAMES_TOLD];
    } of;
    struct context_copy copy;
    enum ctt_cut cut;
    size_t count = stack_pcs(stack, of.pcs, FRAMES_TOLD, &cut);
    for (size_t i = 0; i < count; i++)
        of.frames[i] = (const void *)(uintptr_t)CTT_PC_ADDRESS(of.pcs[i]);
    held.size = sizeof held;
    held.context = context_read(context, &copy) ? copy.name : NULL;
    held.stack = stack;
    held.frames = of.frames;
    held.frame_count = count;
    scan->tell(&held, scan->arg);
}

static void held_holding(const struct holding_copy *holding, void *arg)
{
    const struct scan *scan = arg;
    const uint16_t left_out = CTT_HOLDING_INHERITED | CTT_HOLDING_STDIO | CTT_HOLDING_OWNED |
                              CTT_HOLDING_IGNORED | CTT_HOLDING_PART | CTT_HOLDING_GONE;
    bool is_pending_here = holding->kind == CTT_KIND_CLEANUP && holding->task == self.task;
    bool is_libcs = holding->kind == CTT_KIND_MAPPING && !is_acquired_outside_libc(holding->stack);
    bool is_older = (int32_t)(holding->live - scan->since_number) < 0 && scan->query->since;
    if ((holding->flags & left_out) || is_pending_here || is_libcs || is_older ||
        holding->kind == CTT_KIND_MODULE || !is_wanted(scan, holding->context))
        return;
    const char *kind = holding->kind >= CTT_KIND_OWN_FIRST ? own_kind_name(holding->kind)
                                                           : kind_name(holding->kind);
    tell(scan,
         (struct ctxtrace_held){.kind = kind, .handle = holding->handle, .bytes = holding->bytes},
         holding->context, holding->stack);
}

static void held_block(const struct block *block, void *arg)
{
    const struct scan *scan = arg;
    bool is_older = scan->query->since && block->born_ms <= scan->since_ms;
    if (is_older || !is_wanted(scan, block->context) || !is_acquired_outside_libc(block->stack))
        return;
    tell(scan,
         (struct ctxtrace_held){.kind = kind_name(CTT_KIND_MEMORY),
                                .handle = block->address,
                                .bytes = block->bytes & ~BLOCK_DRAWN},
         block->context, block->stack);
}

static void held_jobs(const struct scan *scan)
{
    struct job_copy job;
    for (uint32_t slot = 1; slot < job_slots(); slot++)
        if (job_read(slot, &job) && is_wanted(scan, job.context) &&
            (!scan->query->since || job.created_ns / 1000000 > scan->since_ms))
            tell(scan, (struct ctxtrace_held){.kind = kind_name(CTT_KIND_TASK), .handle = job.id},
                 job.context, job.created_stack);
}

/* A moment: the number of the acquisition to come, and the time of blocks, which have none. */
static uint64_t testing_mark(void)
{
    return (clock_since_ns() / 1000000) << 32 | holding_number();
}

static int testing_each(const struct ctxtrace_held_query *query,
                        void (*told)(const struct ctxtrace_held *held, void *arg), void *arg)
{
    struct scan scan = {.query = query,
                        .since_number = (uint32_t)query->since,
                        .since_ms = (uint32_t)(query->since >> 32),
                        .tell = told,
                        .arg = arg};
    struct holding_copy holding;
    if (!declared_may_tell())
        return -1;
    task_self();
    for (int fd = 0; fd < fd_limit(); fd++)
        if (fd_read(fd, &holding))
            held_holding(&holding, &scan);
    key_scan(held_holding, &scan);
    range_scan(held_holding, &scan);
    held_jobs(&scan);
    if (query->with_memory)
        ledger_scan(held_block, &scan);
    return 0;
}

/* ---- a snapshot ---- */

static int copy_to(int from, int to)
{
    char part[COPY_BYTES / 16];
    ssize_t got;
    while ((got = sys_read(from, part, sizeof part)) > 0)
        if (sys_write(to, part, (size_t)got) != got)
            return -1;
    return got < 0 ? -1 : 0;
}

/* Where the tracker puts its dumps it has one, too, if that is asked for (dir=). */
static int testing_snapshot(const char *path)
{
    const char *made = declared_may_tell() && notify.snapshot ? notify.snapshot() : NULL;
    int from = made && *made ? sys_open(made, O_RDONLY | O_CLOEXEC, 0) : -1;
    int to = from >= 0 ? sys_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    int result = to >= 0 ? copy_to(from, to) : -1;
    if (to >= 0)
        sys_close(to);
    if (from >= 0)
        sys_close(from);
    return result;
}

const struct ctxtrace_attach_testing testing_table = {
    .size = sizeof testing_table,
    .mark = testing_mark,
    .each = testing_each,
    .snapshot = testing_snapshot,
};
