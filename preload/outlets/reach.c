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
#include "preload/outlets/reach_copy.h"
#include "preload/outlets/reporter.h"
#include "preload/outlets/verdict.h"

#define COPY_BYTES      (UINT64_C(8) << 20)
#define COPY_BYTES_EACH 32u /* an item of the index, two lists, a verdict */
#define COPY_SHARE      2u  /* of what is left */
#define COPY_STACK      (64u << 10)
#define PATIENCE_NS     UINT64_C(10000000000) /* for the copy: 1 GiB takes about two seconds */
#define SLICE_NS        50000000L
#define NS_PER_MS       UINT64_C(1000000)
#define PAUSE_NS        1000000L
#define AGAIN_NS        UINT64_C(100000000) /* later, what is not known stays so */
#define TRIES           5u                  /* until no thread has moved meanwhile */

static struct reach_verdict *verdict; /* NULL: not judged */
static size_t verdict_bytes;
static uint32_t numbers;
static struct ctt_reach record;
static const char *note;
static bool any_found;

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

/* A copy that runs out of memory may take others with it (memory.oom.group). Beside what
 * the program changes meanwhile it needs a few words for each block. */
static bool memory_is_short(void)
{
    uint64_t wanted = (uint64_t)ledger_numbers() * COPY_BYTES_EACH + COPY_BYTES;
    return wanted > memory_left() / COPY_SHARE;
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
    return verdict != NULL;
}

static void verdict_drop(void)
{
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

/* True: it has written its verdict. Its end is collected in any case. */
static bool copy_await(long pid)
{
    uint64_t begun = clock_fine_ns();
    const struct timespec slice = {.tv_nsec = SLICE_NS};
    bool is_over = false;
    while (!atomic_load(&verdict->done) && !is_over && clock_fine_ns() - begun < PATIENCE_NS) {
        sys_call(SYS_futex, (long)&verdict->done, FUTEX_WAIT, 0, (long)&slice, 0, 0);
        is_over = sys_call(SYS_wait4, pid, 0, WNOHANG | __WCLONE, 0, 0, 0) != 0;
    }
    bool is_done = atomic_load(&verdict->done);
    if (!is_done && !is_over)
        sys_call(SYS_kill, pid, SIGKILL, 0, 0, 0, 0);
    while (!is_over && sys_call(SYS_wait4, pid, 0, __WCLONE, 0, 0, 0) == -EINTR)
        ;
    return is_done;
}

enum attempt { ATTEMPT_GOOD, ATTEMPT_MOVED, ATTEMPT_REFUSED, ATTEMPT_FAILED };

/* Threads are read, the copy is made, threads are looked at again. */
static enum attempt attempt(struct reach_copy *copy, char *stack, struct reach_threads *threads,
                            bool is_last)
{
    if (!threads_take(threads, copy->roots.leaving)) {
        threads_go(threads);
        return ATTEMPT_REFUSED;
    }
    long pid = machine_clone(0, stack + COPY_STACK, NULL, copy_main, copy);
    threads_go(threads);
    if (pid < 0)
        return ATTEMPT_REFUSED;
    bool stayed = threads_stayed(threads);
    if (!stayed && !is_last) {
        sys_call(SYS_kill, pid, SIGKILL, 0, 0, 0, 0);
        while (sys_call(SYS_wait4, pid, 0, __WCLONE, 0, 0, 0) == -EINTR)
            ;
        return ATTEMPT_MOVED;
    }
    if (!copy_await(pid))
        return ATTEMPT_FAILED;
    return stayed ? ATTEMPT_GOOD : ATTEMPT_MOVED;
}

static enum attempt attempts(const struct dump_request *request, struct reach_threads *threads)
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
        result = attempt(&copy, stack, threads, i + 1 == TRIES);
        bool is_worse =
            result == ATTEMPT_GOOD && verdict->threads_unread && clock_fine_ns() - begun < AGAIN_NS;
        if (result != ATTEMPT_MOVED && !is_worse)
            break;
    }
    return result;
}

/* ---- the verdict ---- */

static void note_doubts(enum attempt result)
{
    record.state = CTT_REACH_DOUBTFUL;
    if (result == ATTEMPT_MOVED)
        note = "threads ran while the memory was copied";
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
    note = why_not();
    if (note)
        return;
    enum attempt result = verdict_make() ? attempts(request, &threads) : ATTEMPT_REFUSED;
    record.time_ns = clock_fine_ns() - begun;
    record.stopped_ns = threads.stopped_ns;
    record.threads = threads.count + (request->place != NULL);
    if (result == ATTEMPT_REFUSED || result == ATTEMPT_FAILED) {
        HEALTH(reach_failed);
        note = result == ATTEMPT_REFUSED ? "no copy of the process could be made"
                                         : "the copy of the process did not come to an end";
        verdict_drop();
        return;
    }
    record.threads_unread = verdict->threads_unread;
    record.blocks = verdict->blocks;
    record.bytes = verdict->bytes;
    record.root_bytes = verdict->root_bytes;
    note_doubts(result);
    struct looking looking = {
        .last_stack = STACK_NONE,
    };
    if (verdict->lost)
        ledger_scan_numbers(look_for_ours, &looking);
}

bool reach_found(void)
{
    return any_found && record.state == CTT_REACH_JUDGED;
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
}

void reach_over(void)
{
    verdict_drop();
    note = NULL;
    record = (struct ctt_reach){.state = CTT_REACH_NONE};
}
