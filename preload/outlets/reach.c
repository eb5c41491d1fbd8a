/* SPDX-License-Identifier: MIT */
#include "preload/outlets/reach.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "preload/facts/holding.h"
#include "preload/facts/module.h"
#include "preload/facts/stack.h"
#include "preload/ground/arena.h"
#include "preload/ground/blind.h"
#include "preload/ground/config.h"
#include "preload/ground/confine.h"
#include "preload/ground/health.h"
#include "preload/ground/machine.h"
#include "preload/ground/memory_bound.h"
#include "preload/ground/sys.h"
#include "preload/outlets/dump_writer.h"
#include "preload/outlets/reach_areas.h"
#include "preload/outlets/reach_contexts.h"
#include "preload/outlets/reach_copy.h"
#include "preload/outlets/reach_kernel.h"
#include "preload/outlets/reporter.h"
#include "preload/outlets/verdict.h"

#define COPY_BYTES      (UINT64_C(8) << 20)
#define COPY_BYTES_EACH 32u /* an item of the index, two lists, a verdict */
#define COPY_SHARE      2u  /* of what is left */
#define COPY_STACK      (64u << 10)
/* For the copy, which takes about a second for 1 GiB. */
#define PATIENCE_EXIT_NS UINT64_C(5000000000)
#define PATIENCE_LIVE_NS UINT64_C(10000000000)
#define END_NS           UINT64_C(2000000000) /* for one that was killed */
#define SLICE_NS         10000000L
#define NS_PER_MS        UINT64_C(1000000)
/* Until no thread has moved meanwhile. */
#define TRIES        5u
#define PAUSE_NS     1000000L
#define AGAIN_NS     UINT64_C(100000000) /* later, what is not known stays so */
#define SLOW_COPY_NS UINT64_C(20000000)  /* while it is made, page faults wait: no second one */

static struct reach_verdict *verdict; /* NULL: not judged */
static size_t verdict_bytes;
static uint32_t numbers;
static struct ctt_reach record;
static const char *note;
static bool any_found;
static _Atomic bool must_be_quick; /* somebody waits for the reporter */

void reach_start(void)
{
    roots_start();
}

/* ---- whether it can be done at all ---- */

bool reach_may_find(void)
{
    for (uint32_t id = 1; id < module_limit(); id++)
        if (module_in_project(module_get(id)))
            return true;
    return false;
}

static bool is_blind_to_memory(void)
{
    enum ctt_kind_id kind;
    const char *text;
    for (uint32_t i = 0; health_blind_read(i, &kind, &text); i++)
        if (kind == CTT_KIND_MEMORY)
            return true;
    return false;
}

/* The copy needs a few words for each block, and what the program changes meanwhile is there
 * twice. Where memory runs out the copy is the first to be killed, but in some control groups
 * all others are then, too: there it must not come to that. */
static bool memory_is_short(void)
{
    uint64_t wanted = (uint64_t)ledger_numbers() * COPY_BYTES_EACH + COPY_BYTES;
    if (memory_dies_together())
        wanted += memory_resident() / 2;
    return wanted > memory_left() / COPY_SHARE;
}

static void note_own(const struct block *block, void *any)
{
    *(bool *)any |= !reach_is_inherited(block);
}

/* The children of a server that forks may end by the hundred with nothing but their
 * parent's memory. */
static bool has_nothing_of_its_own(void)
{
    bool any = !atomic_load(&is_fork_child);
    if (!any)
        ledger_scan(note_own, &any);
    return !any;
}

/* Threads and pages are asked of /proc by number. */
static bool proc_is_ours(void)
{
    char link[16];
    const char *at = link;
    return sys_readlink("/proc/self", link, sizeof link) > 0 &&
           text_read_u64(&at) == (uint64_t)sys_getpid();
}

static const char *why_not(void)
{
    if (config.sample)
        return "not every block of memory is recorded (sample=)";
    if (is_blind_to_memory())
        return "not every block of memory is seen";
    if (confined() || !reporter_has_own_fds())
        return "no process may be started here";
    if (!proc_is_ours())
        return "/proc is not there, or another namespace's";
    if (memory_resident() > config.max_reach)
        return "the process is larger than max_reach=";
    if (memory_is_short())
        return "there is not enough memory left for a copy";
    return NULL;
}

/* ---- the copy ---- */

static bool verdict_make(void)
{
    numbers = ledger_numbers();
    verdict_bytes = sizeof *verdict + numbers * sizeof verdict->of_number[0];
    verdict = sys_map_shared(verdict_bytes);
    contexts_prepare();
    return verdict != NULL;
}

static void verdict_drop(void)
{
    contexts_forget();
    if (verdict)
        sys_unmap(verdict, verdict_bytes);
    verdict = NULL;
}

/* After a pause, each longer than the one before: a thread that waits in none of our hooks may do
 * so for a moment only (a page, a lock of libc's, its own beginning). */
static void start_again(uint32_t tries)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS << tries};
    sys_call(SYS_nanosleep, (long)&pause, 0, 0, 0, 0, 0);
    sys_call(SYS_madvise, (long)verdict, (long)verdict_bytes, MADV_REMOVE, 0, 0, 0);
    memset(verdict, 0, sizeof *verdict);
}

static bool copy_is_over(long pid)
{
    return sys_call(SYS_wait4, pid, 0, WNOHANG | __WCLONE, 0, 0, 0) != 0;
}

/* One that was killed may be in the kernel for a while (a page from the net): it is left. */
static void copy_end(long pid)
{
    const struct timespec slice = {.tv_nsec = NS_PER_MS};
    uint64_t begun = clock_fine_ns();
    sys_call(SYS_kill, pid, SIGKILL, 0, 0, 0, 0);
    while (!copy_is_over(pid) && clock_fine_ns() - begun < END_NS)
        sys_call(SYS_nanosleep, (long)&slice, 0, 0, 0, 0, 0);
}

/* True: it has written its verdict. Its end is collected in any case. */
static bool copy_await(long pid, uint64_t patience_ns)
{
    uint64_t begun = clock_fine_ns();
    const struct timespec slice = {.tv_nsec = SLICE_NS};
    bool is_over = false;
    while (!atomic_load(&verdict->done) && !is_over && !atomic_load(&must_be_quick) &&
           clock_fine_ns() - begun < patience_ns) {
        sys_call(SYS_futex, (long)&verdict->done, FUTEX_WAIT, 0, (long)&slice, 0, 0);
        is_over = copy_is_over(pid);
    }
    bool is_done = atomic_load(&verdict->done);
    if (!is_over)
        copy_end(pid);
    return is_done;
}

void reach_hurry(void)
{
    atomic_store(&must_be_quick, true);
}

enum attempt { ATTEMPT_GOOD, ATTEMPT_MOVED, ATTEMPT_REFUSED, ATTEMPT_FAILED };

/* Threads are read, the copy is made, threads are looked at again. */
static enum attempt attempt(struct reach_copy *copy, char *stack, struct reach_threads *threads,
                            uint64_t patience_ns)
{
    copy->private_bytes = areas_private();
    bool listed = threads_take(threads, copy->roots.leaving);
    uint64_t begun = clock_fine_ns();
    long pid = listed ? machine_clone(0, stack + COPY_STACK, NULL, copy_main, copy) : -ESRCH;
    copy->is_slow = clock_fine_ns() - begun > SLOW_COPY_NS;
    threads_go(threads);
    if (pid < 0)
        return ATTEMPT_REFUSED;
    copy->stayed = threads_stayed(threads);
    bool is_good = copy->stayed || copy->is_last || copy->is_slow;
    bool is_done = is_good && copy_await(pid, patience_ns);
    if (!is_good)
        copy_end(pid);
    return !is_good ? ATTEMPT_MOVED : !is_done ? ATTEMPT_FAILED : ATTEMPT_GOOD;
}

static bool is_better_tried_again(const struct reach_copy *copy, enum attempt result,
                                  uint64_t begun_ns)
{
    if (copy->is_slow || atomic_load(&must_be_quick))
        return false;
    bool is_doubtful = result == ATTEMPT_GOOD &&
                       (verdict->threads_unread || verdict->moving || verdict->is_short) &&
                       clock_fine_ns() - begun_ns < AGAIN_NS;
    return result == ATTEMPT_MOVED || is_doubtful;
}

static enum attempt attempts(const struct dump_request *request, struct reach_threads *threads,
                             bool *ret_stayed)
{
    static char *stack;
    struct reach_copy copy = {
        .roots = {.threads = threads,
                  .parent = (uint32_t)sys_getpid(),
                  .leaving = request->place ? request->tid : 0,
                  .place = request->place},
        .verdict = verdict,
    };
    threads_begin();
    if (!stack)
        stack = arena_map(COPY_STACK);
    if (!stack)
        return ATTEMPT_REFUSED;
    uint64_t begun = clock_fine_ns();
    enum attempt result = ATTEMPT_MOVED;
    for (uint32_t i = 0; i < TRIES; i++) {
        if (i > 0)
            start_again(i);
        copy.is_last = i + 1 == TRIES;
        result =
            attempt(&copy, stack, threads, request->place ? PATIENCE_EXIT_NS : PATIENCE_LIVE_NS);
        if (!is_better_tried_again(&copy, result, begun))
            break;
    }
    *ret_stayed = copy.stayed;
    return result;
}

/* ---- the verdict ---- */

static void note_doubts(bool stayed, bool kernel_told)
{
    record.state = CTT_REACH_DOUBTFUL;
    if (!stayed)
        note = "threads ran while the memory was copied";
    else if (!kernel_told)
        note = "what the kernel holds could not be read";
    else if (verdict->is_short)
        note = "some memory is not copied (MADV_DONTFORK)";
    else if (verdict->is_full)
        note = "there is more to look at than the tables have room for";
    else if (verdict->threads_unread)
        note = "the registers of some threads could not be read";
    else if (verdict->has_rings)
        note = "pointers may be with the kernel (io_uring, aio)";
    else if (verdict->in_motion)
        note = "mappings were made and removed while the memory was copied";
    else if (health_counts[HEALTH_blocks_dropped])
        note = "some blocks of memory are not recorded";
    else if (health_counts[HEALTH_roots_dropped])
        note = "the program has told of more roots than there is room for";
    else
        record.state = CTT_REACH_JUDGED;
}

/* Blocks and forks have the time of the last tick, so in the tick of the fork nobody knows
 * whose a block is. One that was only on the stack of a thread that is not here any more
 * is not this process's to lose. */
bool reach_is_inherited(const struct block *block)
{
    return atomic_load(&is_fork_child) &&
           block->born_ms <= atomic_load(&inherited_before_ns) / NS_PER_MS;
}

struct looking {
    uint32_t last_stack;
    bool last_is_ours;
};

static void look_for_ours(const struct block *block, uint32_t number, void *arg)
{
    struct looking *looking = arg;
    if (any_found || reach_is_inherited(block) || !(reach_flags(block, number) & CTT_HOLDING_LOST))
        return;
    if (block->stack != looking->last_stack) {
        looking->last_stack = block->stack;
        looking->last_is_ours = verdict_is_of_project(block->stack);
    }
    any_found = looking->last_is_ours;
}

void reach_judge(const struct dump_request *request)
{
    struct reach_threads threads = {0};
    any_found = false;
    note = NULL;
    record = (struct ctt_reach){.state = CTT_REACH_NONE};
    uint64_t begun = clock_fine_ns();
    bool stayed = false;
    atomic_store(&must_be_quick, false);
    if (has_nothing_of_its_own())
        return;
    note = why_not();
    if (note)
        return;
    bool kernel_told = kernel_ask();
    enum attempt result = verdict_make() ? attempts(request, &threads, &stayed) : ATTEMPT_REFUSED;
    kernel_forget();
    record.time_ns = clock_fine_ns() - begun;
    record.stopped_ns = threads.stopped_ns;
    record.threads = threads_alive(&threads) + (request->place != NULL);
    if (result != ATTEMPT_GOOD) {
        HEALTH(reach_failed);
        note = result == ATTEMPT_REFUSED     ? "no copy of the process could be made"
               : atomic_load(&must_be_quick) ? "the process had to go on"
                                             : "the copy of the process did not come to an end";
        verdict_drop();
        return;
    }
    record.threads_unread = verdict->threads_unread;
    record.blocks = verdict->blocks;
    record.bytes = verdict->bytes;
    record.root_bytes = verdict->root_bytes;
    note_doubts(stayed, kernel_told);
    struct looking looking = {
        .last_stack = STACK_NONE,
    };
    if (verdict->lost)
        ledger_scan_numbers(look_for_ours, &looking);
    any_found = any_found || (record.state == CTT_REACH_JUDGED && contexts_any_lost());
}

/* Also where it is not sure: the command has other words for that. */
bool reach_found(void)
{
    return any_found;
}

/* ---- for the dump ---- */

uint32_t reach_flags(const struct block *block, uint32_t number)
{
    static const uint32_t flags[1 << VERDICT_BITS] = {
        [VERDICT_REACHED] = CTT_HOLDING_REACHED,
        [VERDICT_INSIDE] = CTT_HOLDING_INSIDE,
        [VERDICT_LOST] = CTT_HOLDING_LOST,
        [VERDICT_RING] = CTT_HOLDING_LOST | CTT_HOLDING_RING,
        [VERDICT_PART] = CTT_HOLDING_LOST_PART,
    };
    const uint16_t mask = (1u << VERDICT_BITS) - 1;
    if (!verdict || number >= numbers)
        return 0;
    uint16_t word = verdict->of_number[number];
    return (word & (uint16_t)~mask) == verdict_tag(block) ? flags[word & mask] : 0;
}

bool reach_parts(uint32_t stack, uint32_t context, uint32_t flags, uint64_t *ret_count,
                 uint64_t *ret_bytes)
{
    bool is_ring = flags & CTT_HOLDING_RING;
    const struct reach_part *row = verdict ? verdict_part(verdict, stack, context, is_ring) : NULL;
    if (!row || !row->count)
        return false;
    *ret_count = row->count;
    *ret_bytes = row->bytes;
    return true;
}

bool reach_lost_context(uint32_t id)
{
    return record.state == CTT_REACH_JUDGED && context_is_lost(id);
}

bool reach_lost_handle(uint64_t handle)
{
    struct block block;
    uint32_t number = verdict ? ledger_number(handle) : 0;
    return number && record.state == CTT_REACH_JUDGED && ledger_read(number, &block) &&
           block.address == handle &&
           (reach_flags(&block, number) & (CTT_HOLDING_LOST | CTT_HOLDING_LOST_PART));
}

void dump_reach(struct dump *dump)
{
    if (!record.state && !note)
        return;
    record.note = dump_string(dump, note);
    dump_record(dump, CTT_REACH, &record, sizeof record);
    if (record.state || config.sample)
        return;
    struct ctt_health health = {.status = CTT_HEALTH_DEGRADED,
                                .blind_to = dump_string(dump, "lost memory"),
                                .note = record.note};
    dump_record(dump, CTT_HEALTH, &health, sizeof health);
}

void reach_over(void)
{
    verdict_drop();
    note = NULL;
    record = (struct ctt_reach){.state = CTT_REACH_NONE};
}
