/* SPDX-License-Identifier: MIT */
/*
 * Tasks: what the books know of each thread, and what the kernel says it is
 * doing now. Threads that no hook has met are told as untracked.
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include "preload/facts/task.h"
#include "preload/ground/sys.h"
#include "preload/outlets/dump_writer.h"

#define TID_PATH     64u
#define TIMED_MAX    1024u /* tasks whose wait is timed: one more file each */
#define LEAVING_NS   UINT64_C(1000000000)
#define STARTING_MAX 64u
#define NS_PER_MS    UINT64_C(1000000)
#define SCHED_BYTES  512u /* the line that we want is the first */

/* ---- what a thread is doing ---- */

static const char *state_words(char letter)
{
    static const struct row {
        char letter;
        const char *words;
    } rows[] = {{'R', "R (running)"}, {'S', "S (sleeping)"},     {'D', "D (disk sleep)"},
                {'T', "T (stopped)"}, {'t', "t (tracing stop)"}, {'Z', "Z (zombie)"},
                {'X', "X (dead)"},    {'I', "I (idle)"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].letter == letter)
            return rows[i].words;
    return NULL;
}

/* The calls in which threads wait, and what their first argument is. */
static const struct wait_row {
    long number;
    const char *name;
    enum { NOTHING, A_DESCRIPTOR, AN_ADDRESS } argument;
} wait_rows[] = {
    {SYS_futex, "futex", AN_ADDRESS},
    {SYS_read, "read", A_DESCRIPTOR},
    {SYS_write, "write", A_DESCRIPTOR},
    {SYS_readv, "readv", A_DESCRIPTOR},
    {SYS_writev, "writev", A_DESCRIPTOR},
    {SYS_pread64, "pread", A_DESCRIPTOR},
    {SYS_pwrite64, "pwrite", A_DESCRIPTOR},
    {SYS_recvfrom, "recv", A_DESCRIPTOR},
    {SYS_recvmsg, "recvmsg", A_DESCRIPTOR},
    {SYS_sendto, "send", A_DESCRIPTOR},
    {SYS_sendmsg, "sendmsg", A_DESCRIPTOR},
    {SYS_accept, "accept", A_DESCRIPTOR},
    {SYS_accept4, "accept4", A_DESCRIPTOR},
    {SYS_connect, "connect", A_DESCRIPTOR},
    {SYS_epoll_wait, "epoll_wait", A_DESCRIPTOR},
    {SYS_epoll_pwait, "epoll_wait", A_DESCRIPTOR},
    {SYS_flock, "flock", A_DESCRIPTOR},
    {SYS_fcntl, "fcntl", A_DESCRIPTOR},
    {SYS_fsync, "fsync", A_DESCRIPTOR},
    {SYS_poll, "poll", NOTHING},
    {SYS_ppoll, "poll", NOTHING},
    {SYS_select, "select", NOTHING},
    {SYS_pselect6, "select", NOTHING},
    {SYS_nanosleep, "sleep", NOTHING},
    {SYS_clock_nanosleep, "sleep", NOTHING},
    {SYS_wait4, "wait", NOTHING},
    {SYS_waitid, "wait", NOTHING},
    {SYS_pause, "pause", NOTHING},
    {SYS_rt_sigsuspend, "sigsuspend", NOTHING},
    {SYS_rt_sigtimedwait, "sigwait", NOTHING},
    {SYS_semtimedop, "semop", NOTHING},
    {SYS_msgrcv, "msgrcv", NOTHING},
    {SYS_io_uring_enter, "io_uring", A_DESCRIPTOR},
};

static void wait_describe(long number, uint64_t argument, struct text *text)
{
    const struct wait_row *row = NULL;
    for (size_t i = 0; i < sizeof wait_rows / sizeof *wait_rows && !row; i++)
        if (wait_rows[i].number == number)
            row = &wait_rows[i];
    if (!row) {
        text_add(text, "system call ");
        text_add_i64(text, number);
        return;
    }
    text_add(text, row->name);
    if (row->argument == A_DESCRIPTOR) {
        text_add(text, " fd ");
        text_add_u64(text, argument);
    } else if (row->argument == AN_ADDRESS) {
        text_add(text, " 0x");
        text_add_hex(text, argument);
    }
}

static void path_of(uint32_t tid, const char *file, char path[TID_PATH])
{
    struct text text = {path, 0, TID_PATH};
    text_add(&text, "/proc/self/task/");
    text_add_u64(&text, tid);
    text_add(&text, "/");
    text_add(&text, file);
}

/* "202 0x7f.. 0x80 ..", "-1 sp pc" (blocked outside a call), or "running". */
static uint32_t wait_string(struct dump *dump, uint32_t tid)
{
    char path[TID_PATH], line[256], words[64];
    path_of(tid, "syscall", path);
    if (sys_slurp(path, line, sizeof line) <= 0)
        return 0;
    struct text text = TEXT_OF(words);
    const char *at = line;
    if (*at == 'r' || *at == '-') {
        text_add(&text, *at == 'r' ? "running" : "page fault");
    } else {
        long number = (long)text_read_u64(&at);
        uint64_t argument = 0;
        if (memcmp(at, " 0x", 3) == 0) {
            at += 3;
            argument = text_read_hex(&at);
        }
        wait_describe(number, argument, &text);
    }
    return dump_string(dump, words);
}

/* The letter after the name's closing parenthesis; the name may hold any. */
static uint32_t state_string(struct dump *dump, uint32_t tid)
{
    char path[TID_PATH], line[512];
    path_of(tid, "stat", path);
    if (sys_slurp(path, line, sizeof line) <= 0)
        return 0;
    const char *end = strrchr(line, ')');
    return end && end[1] == ' ' ? dump_string(dump, state_words(end[2])) : 0;
}

static uint32_t name_string(struct dump *dump, uint32_t tid)
{
    char path[TID_PATH], name[32];
    path_of(tid, "comm", path);
    ssize_t n = sys_slurp(path, name, sizeof name);
    if (n > 0 && name[n - 1] == '\n')
        n--;
    return n > 0 ? dump_string_bytes(dump, name, (size_t)n) : 0;
}

/* Of one listing: the tids that the books know, and what all share. */
struct tids {
    uint32_t *slots; /* open addressing, 0: free */
    uint32_t mask;
    struct dump *dump;
    uint32_t reporter;
    uint64_t now_ns; /* the scheduler's clock; 0: waits are not timed */
    /* Made, and not met yet by themselves: the kernel may have them already. */
    struct ctt_task starting[STARTING_MAX];
    uint32_t starting_count;
};

/* When the thread last got on a processor, by the scheduler's own clock:
 * "se.exec_start : 5538811.962496", in milliseconds with six decimals. 0: this
 * kernel does not tell. */
static uint64_t last_ran_ns(uint32_t tid)
{
    char path[TID_PATH], text[SCHED_BYTES];
    path_of(tid, "sched", path);
    const char *at = sys_slurp(path, text, sizeof text) > 0 ? strstr(text, "se.exec_start") : NULL;
    at = at ? strchr(at, ':') : NULL;
    if (!at)
        return 0;
    for (at++; *at == ' ';)
        at++;
    uint64_t ns = text_read_u64(&at) * NS_PER_MS;
    return *at++ == '.' ? ns + text_read_u64(&at) : ns;
}

/* Since when it has waited. `now_ns` is the same clock, read off the task that
 * writes this. The thread that the signal came in on is awake because of it. */
static uint64_t wait_time(uint32_t tid, uint64_t now_ns)
{
    uint64_t ran_ns = now_ns ? last_ran_ns(tid) : 0;
    return ran_ns && ran_ns <= now_ns ? now_ns - ran_ns : CTT_NEVER;
}

static void describe_live(const struct tids *tids, struct ctt_task *task)
{
    struct dump *dump = tids->dump;
    task->name = name_string(dump, task->tid);
    task->state = state_string(dump, task->tid);
    task->wait = wait_string(dump, task->tid);
    if (task->tid == dump->request->tid)
        task->flags |= CTT_TASK_SELF;
    else
        task->wait_ns = wait_time(task->tid, tids->now_ns);
}

/* ---- the tracked ones, and a set of their tids ---- */

static uint32_t *tid_slot(struct tids *tids, uint32_t tid)
{
    uint32_t i = tid * 2654435761u & tids->mask;
    while (tids->slots[i] && tids->slots[i] != tid)
        i = (i + 1) & tids->mask;
    return &tids->slots[i];
}

/* Whether the kernel may still have it: as the main thread while any other lives, and
 * others until they have gone the whole way. */
static bool is_leaving(const struct dump *dump, const struct ctt_task *task)
{
    return task->tid &&
           (task->tid == (uint32_t)sys_getpid() || task->ended_ns + LEAVING_NS > dump->taken_ns);
}

static void task_one(struct dump *dump, const struct task *task, struct tids *tids)
{
    struct ctt_task record = {
        .id = atomic_load(&task->id),
        .tid = atomic_load(&task->tid),
        .context = dump_context(dump, task->context),
        .creator = task->creator,
        .flags = atomic_load(&task->flags),
        .created_ns = task->created_ns,
        .ended_ns = atomic_load(&task->ended_ns),
        .wait_ns = CTT_NEVER,
    };
    uint32_t created_stack = task->created_stack;
    struct task_block_copy block;
    if (!record.id || record.created_ns > dump->taken_ns)
        return;
    record.active = dump_context(dump, atomic_load(&task->active));
    record.thread = atomic_load(&task->job);
    task_block_read(&task->block, &block);
    dump_block(dump, &block, &record);
    record.created_stack = dump_stack(dump, created_stack);
    if (!record.tid && !(record.flags & CTT_TASK_ENDED)) {
        if (tids->starting_count < STARTING_MAX)
            tids->starting[tids->starting_count++] = record;
        return;
    }
    if (record.flags & CTT_TASK_ENDED) {
        record.state = dump_string(dump, "ended");
        record.name = dump_string(dump, task->name);
        if (is_leaving(dump, &record))
            *tid_slot(tids, record.tid) = record.tid;
    } else if (record.tid) {
        *tid_slot(tids, record.tid) = record.tid;
        describe_live(tids, &record);
    }
    dump_record(dump, CTT_TASK, &record, sizeof record);
}

/* Joined already, by libc's word of it, and still on its way out of the kernel: "PID (name)
 * state parent group session terminal foreground flags". */
static bool is_exiting(uint32_t tid)
{
    const uint64_t exiting = 0x4; /* PF_EXITING */
    const int fields_before = 7;  /* blanks from the parenthesis on */
    char path[TID_PATH], line[512];
    path_of(tid, "stat", path);
    const char *at = sys_slurp(path, line, sizeof line) > 0 ? strrchr(line, ')') : NULL;
    for (int i = 0; at && i < fields_before; i++)
        at = strchr(at + 1, ' ');
    if (!at)
        return false;
    at++;
    return text_read_u64(&at) & exiting;
}

static bool untracked_one(const char *name, void *arg)
{
    struct tids *tids = arg;
    uint32_t tid = (uint32_t)text_read_u64(&name);
    if (tid == 0 || tid == tids->reporter || *tid_slot(tids, tid) == tid || is_exiting(tid))
        return true;
    struct ctt_task record = {.tid = tid,
                              .flags = CTT_TASK_UNTRACKED,
                              .created_ns = CTT_NEVER,
                              .ended_ns = CTT_NEVER,
                              .wait_ns = CTT_NEVER};
    if (tids->starting_count) {
        record = tids->starting[--tids->starting_count];
        record.tid = tid;
    }
    describe_live(tids, &record);
    /* No name: it has ended meanwhile, or has not yet begun. */
    if (record.name)
        dump_record(tids->dump, CTT_TASK, &record, sizeof record);
    return true;
}

/* Asked of the kernel by number: /proc may be that of another namespace. */
static bool is_gone(const struct task *task)
{
    uint32_t tid = atomic_load(&task->tid);
    return tid && !(atomic_load(&task->flags) & CTT_TASK_ENDED) &&
           sys_call(SYS_tgkill, sys_getpid(), tid, 0, 0, 0, 0) == -ESRCH;
}

/* By atomic steps alone: whoever writes a dump has no thread-local storage of its own. */
static void reconcile(struct task *task)
{
    uint32_t id = atomic_load(&task->id);
    if (id && is_gone(task) && atomic_load(&task->id) == id)
        task_vanished(task);
}

void dump_reconcile(void)
{
    for (uint32_t slot = 0; slot < task_slots(); slot++)
        if (task_slot(slot))
            reconcile(task_slot(slot));
}

void dump_tasks(struct dump *dump)
{
    uint32_t slots = task_slots(), size = 64;
    while (size < slots * 2)
        size *= 2;
    struct tids tids = {.mask = size - 1, .dump = dump, .reporter = (uint32_t)sys_gettid()};
    tids.slots = sys_map(size * sizeof *tids.slots);
    if (!tids.slots)
        return;
    if (slots <= TIMED_MAX)
        tids.now_ns = last_ran_ns(tids.reporter);
    if (tids.reporter == dump->request->tid)
        tids.reporter = 0; /* no task of ours: the program's own thread writes */
    for (uint32_t slot = 0; slot < slots; slot++) {
        const struct task *task = task_slot(slot);
        if (task)
            task_one(dump, task, &tids);
    }
    sys_list("/proc/self/task", untracked_one, &tids);
    sys_unmap(tids.slots, size * sizeof *tids.slots);
}
