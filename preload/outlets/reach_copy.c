/* SPDX-License-Identifier: MIT */
#include "preload/outlets/reach_copy.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "preload/facts/signals.h"
#include "preload/ground/sys.h"
#include "preload/outlets/reach_areas.h"
#include "preload/outlets/reach_contexts.h"
#include "preload/outlets/reach_index.h"
#include "preload/outlets/reach_mark.h"
#include "preload/outlets/reach_pages.h"

static struct reach_verdict *verdict;

/* Whoever runs out of memory because of us shall lose us. A fault of ours ends us alone,
 * without a word and without a core. */
static void become_harmless(void)
{
    const struct rlimit no_core = {0, 0};
    static const char worst[] = "1000";
    struct kernel_sigaction standard = {.handler = (void *)SIG_DFL};
    sys_call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0, 0);
    sys_call(SYS_prlimit64, 0, RLIMIT_CORE, (long)&no_core, 0, 0, 0);
    signals_kernel(SIGSEGV, &standard, NULL);
    signals_kernel(SIGBUS, &standard, NULL);
    int fd = sys_open("/proc/self/oom_score_adj", O_WRONLY, 0);
    if (fd < 0)
        return;
    sys_write(fd, worst, sizeof worst - 1);
    sys_close(fd);
}

static uint16_t verdict_of(uint32_t marks)
{
    if (marks & MARK_REACHED)
        return marks & MARK_START ? VERDICT_REACHED : VERDICT_INSIDE;
    if (marks & MARK_LOST)
        return marks & MARK_RING ? VERDICT_RING : VERDICT_LOST;
    return VERDICT_PART;
}

static void tell_parts(uint32_t i, uint64_t parts, uint64_t bytes)
{
    struct block block;
    verdict->lost++;
    if (!parts || !ledger_read(reach_index.items[i].number, &block))
        return;
    bool is_ring = reach_index.items[i].marks & MARK_RING;
    struct reach_part *row = verdict_part(verdict, block.stack, block.context, is_ring);
    if (!row)
        return;
    row->stack = block.stack;
    row->context = block.context;
    row->is_ring = is_ring;
    row->count += parts;
    row->bytes += bytes;
}

static void tell_all(void)
{
    for (uint32_t i = 0; i < reach_index.count; i++) {
        const struct reach_item *item = &reach_index.items[i];
        struct block block;
        verdict->bytes += index_bytes(i);
        if (ledger_read(item->number, &block))
            verdict->of_number[item->number] = verdict_of(item->marks) | verdict_tag(&block);
    }
    verdict->blocks = reach_index.count;
    verdict->root_bytes = mark_root_bytes();
    verdict->has_rings = areas.has_rings;
    verdict->in_motion = areas.in_motion;
    verdict->is_full = areas.is_full;
}

void copy_main(void *arg)
{
    struct reach_copy *copy = arg;
    verdict = copy->verdict;
    become_harmless();
    pages_begin();
    verdict->is_short = areas_private() < copy->private_bytes; /* before anything is mapped */
    if (!areas_read() || !index_make() || !mark_begin())
        return;
    contexts_watch();
    roots_mark(&copy->roots);
    contexts_judge();
    mark_lost(tell_parts);
    tell_all();
    verdict->threads_unread = copy->roots.threads_unread;
    verdict->moving = copy->roots.moving;
    atomic_store(&verdict->done, 1);
    sys_call(SYS_futex, (long)&verdict->done, FUTEX_WAKE, INT_MAX, 0, 0, 0);
}
