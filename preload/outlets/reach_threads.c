/* SPDX-License-Identifier: MIT */
#include "preload/outlets/reach_threads.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "preload/facts/signals.h"
#include "preload/ground/arena.h"
#include "preload/ground/machine.h"
#include "preload/ground/sys.h"
#include "preload/outlets/trigger.h"

#define THREADS_MAX  8192u
#define PATH_BYTES   64u
#define ARGUMENTS    6u
#define NS_PER_S     1000000000u
#define STOP_WAIT_NS UINT64_C(40000000) /* for all to come to a stop */
#define STOP_MOST_NS 50000000L          /* of one thread, whatever happens */
#define SLICE_NS     1000000L

static struct reach_thread *rows; /* for ever: a signal may arrive late */
static _Atomic uint32_t row_count;
static _Atomic uint32_t holding_up; /* who was stopped waits until it is 0 */
static _Atomic uint32_t arrived;

/* ---- what /proc says of a thread ---- */

static ssize_t file_of(uint32_t tid, const char *file, char *buffer, size_t size)
{
    char path[PATH_BYTES];
    struct text text = TEXT_OF(path);
    text_add(&text, "/proc/self/task/");
    text_add_u64(&text, tid);
    text_add(&text, file);
    return sys_slurp(path, buffer, size);
}

/* Nanoseconds on a processor, until it was last taken off it; 0 where nobody counts. */
static uint64_t ran_ns(uint32_t tid)
{
    char line[128];
    const char *at = line;
    return file_of(tid, "/schedstat", line, sizeof line) > 0 ? text_read_u64(&at) : 0;
}

static bool hex_next(const char **at, uintptr_t *ret_value)
{
    if (strncmp(*at, " 0x", 3) != 0)
        return false;
    *at += 3;
    *ret_value = text_read_hex(at);
    return true;
}

/* "7 0xa 0xb 0xc 0xd 0xe 0xf 0xSP 0xPC": blocked in a call. "running", and
 * "-1 0xSP 0xPC": it runs, or has left user space in no call and comes back there. Nothing:
 * it cannot be read, and is not asked to stop: it may be anywhere. */
enum sight { SIGHT_NONE, SIGHT_RUNS, SIGHT_BLOCKED };

static enum sight look_at(uint32_t tid, struct reach_thread *thread)
{
    char line[256];
    thread->ran_ns = ran_ns(tid);
    if (file_of(tid, "/syscall", line, sizeof line) <= 0)
        return SIGHT_NONE;
    if (*line < '0' || *line > '9')
        return SIGHT_RUNS;
    const char *at = line;
    text_read_u64(&at);
    for (uint32_t i = 0; i < ARGUMENTS; i++)
        if (!hex_next(&at, &thread->registers[i]))
            return SIGHT_NONE;
    thread->register_count = ARGUMENTS;
    return hex_next(&at, &thread->sp) && hex_next(&at, &thread->pc) ? SIGHT_BLOCKED : SIGHT_NONE;
}

static bool blocks_signal(uint32_t tid, int number)
{
    char text[2048];
    if (file_of(tid, "/status", text, sizeof text) <= 0)
        return true;
    const char *at = strstr(text, "SigBlk:");
    if (!at)
        return true;
    for (at += sizeof "SigBlk:" - 1; *at == '\t' || *at == ' ';)
        at++;
    return text_read_hex(&at) & SIGNAL_BIT(number);
}

/* On its way out of the kernel, or gone but for its entry: no memory of the program's is its
 * any more. "PID (name) state parent group session terminal foreground flags": the name may
 * hold anything. A reporter that has just ended is met so, too. */
static bool is_dead(uint32_t tid)
{
    const uint64_t exiting = 0x4; /* PF_EXITING */
    char line[512];
    if (file_of(tid, "/stat", line, sizeof line) <= 0)
        return true;
    const char *at = strrchr(line, ')');
    if (!at || at[1] != ' ' || at[2] == 'Z' || at[2] == 'X')
        return true;
    for (int blanks = 0; at && blanks < 7; blanks++)
        at = strchr(at + 1, ' ');
    if (!at)
        return true;
    at++;
    return text_read_u64(&at) & exiting;
}

/* ---- those that come and go too fast to be read ---- */

#define RESTLESS_MAX 256u
static uint32_t restless[RESTLESS_MAX], restless_count;

void threads_begin(void)
{
    restless_count = 0;
    if (!rows)
        rows = arena_map(THREADS_MAX * sizeof *rows);
}

static bool is_restless(uint32_t tid)
{
    for (uint32_t i = 0; i < restless_count && i < RESTLESS_MAX; i++)
        if (restless[i] == tid)
            return true;
    return false;
}

/* Beyond the table they are counted all the same. */
static void note_restless(uint32_t tid)
{
    if (restless_count < RESTLESS_MAX)
        restless[restless_count] = tid;
    restless_count++;
}

/* ---- listing ---- */

struct listing {
    uint32_t own_tid, waits;
    uint32_t count;
    bool is_whole;
};

static bool list_one(const char *name, void *arg)
{
    struct listing *listing = arg;
    uint32_t tid = (uint32_t)text_read_u64(&name);
    if (tid == 0 || tid == listing->own_tid || tid == listing->waits)
        return true;
    if (listing->count == THREADS_MAX) {
        listing->is_whole = false;
        return false;
    }
    rows[listing->count++] = (struct reach_thread){.tid = tid};
    return true;
}

/* ---- stopping ---- */

/* One that queues is not lost while another of its number is pending. */
static int stop_signal(void)
{
    uint64_t ours = signals_requests();
    for (int number = SIGNALS_MAX - 1; number > 0; number--)
        if (ours & SIGNAL_BIT(number))
            return number;
    return 0;
}

static bool ask_to_stop(struct reach_thread *thread, int number)
{
    siginfo_t info;
    if (number == 0 || blocks_signal(thread->tid, number))
        return false;
    memset(&info, 0, sizeof info);
    info.si_signo = number;
    info.si_code = SI_QUEUE;
    info.si_pid = sys_getpid();
    info.si_uid = (uid_t)sys_getuid();
    info.si_value.sival_int = TRIGGER_STOP;
    atomic_store(&thread->reading, THREAD_AWAITED);
    if (sys_call(SYS_rt_tgsigqueueinfo, sys_getpid(), thread->tid, number, (long)&info, 0, 0) == 0)
        return true;
    atomic_store(&thread->reading, THREAD_UNREAD);
    return false;
}

static void nap(_Atomic uint32_t *word, uint32_t value, long ns)
{
    struct timespec time = {.tv_nsec = ns};
    sys_call(SYS_futex, (long)word, FUTEX_WAIT_PRIVATE, value, (long)&time, 0, 0);
}

static void wake_all(_Atomic uint32_t *word)
{
    sys_call(SYS_futex, (long)word, FUTEX_WAKE_PRIVATE, INT32_MAX, 0, 0, 0);
}

/* Those that have not come by then go on: they are not read. */
static void await_stops(uint32_t asked)
{
    uint64_t begun = clock_fine_ns();
    uint32_t came;
    while ((came = atomic_load(&arrived)) < asked && clock_fine_ns() - begun < STOP_WAIT_NS)
        nap(&arrived, came, SLICE_NS);
    for (uint32_t i = 0; i < atomic_load(&row_count); i++) {
        uint32_t awaited = THREAD_AWAITED;
        rows[i].is_late = atomic_compare_exchange_strong(&rows[i].reading, &awaited, THREAD_UNREAD);
    }
}

void threads_stop_here(const void *ucontext)
{
    uint32_t tid = (uint32_t)sys_gettid(), count = atomic_load(&row_count), i = 0;
    while (i < count && rows[i].tid != tid)
        i++;
    if (i == count || !atomic_load(&holding_up))
        return;
    struct reach_thread *thread = &rows[i];
    uint32_t awaited = THREAD_AWAITED;
    if (atomic_load(&thread->reading) != THREAD_AWAITED)
        return;
    thread->register_count = machine_registers(ucontext, thread->registers, THREAD_REGISTERS);
    thread->sp = machine_sp(ucontext);
    thread->pc = machine_pc(ucontext);
    if (!atomic_compare_exchange_strong(&thread->reading, &awaited, THREAD_STOPPED))
        return;
    atomic_fetch_add(&arrived, 1);
    wake_all(&arrived);
    uint64_t begun = clock_fine_ns(), passed = 0;
    for (; atomic_load(&holding_up) && passed < (uint64_t)STOP_MOST_NS;
         passed = clock_fine_ns() - begun)
        nap(&holding_up, 1, STOP_MOST_NS - (long)passed);
    if (atomic_load(&holding_up))
        thread->is_late = true; /* it goes on, and what was read of it is true no more */
}

/* ---- all of it ---- */

/* Whether a signal is on its way to it. Without the scheduler's account nobody could say
 * afterwards whether it has run: as good as not read. */
static bool take_one(struct reach_thread *thread, int number)
{
    enum sight sight = look_at(thread->tid, thread);
    if (sight == SIGHT_BLOCKED && !is_restless(thread->tid)) {
        atomic_store(&thread->reading, thread->ran_ns ? THREAD_BLOCKED : THREAD_UNREAD);
        return false;
    }
    if (is_dead(thread->tid)) {
        thread->tid = 0;
        return false;
    }
    return sight != SIGHT_NONE && ask_to_stop(thread, number);
}

bool threads_take(struct reach_threads *ret_threads, uint32_t waits)
{
    struct listing listing = {.own_tid = (uint32_t)sys_gettid(), .waits = waits, .is_whole = true};
    int number = stop_signal();
    uint32_t asked = 0;
    *ret_threads = (struct reach_threads){.rows = rows, .waits = waits};
    atomic_store(&row_count, 0);
    if (!rows || sys_list("/proc/self/task", list_one, &listing) < 0 || !listing.is_whole)
        return false;
    atomic_store(&arrived, 0);
    atomic_store(&holding_up, 1);
    atomic_store(&row_count, listing.count);
    ret_threads->count = listing.count;
    ret_threads->stopped_ns = clock_fine_ns();
    for (uint32_t i = 0; i < listing.count; i++)
        asked += take_one(&rows[i], number);
    if (asked)
        await_stops(asked);
    else
        ret_threads->stopped_ns = 0;
    return true;
}

void threads_go(struct reach_threads *threads)
{
    atomic_store(&holding_up, 0);
    wake_all(&holding_up);
    if (threads->stopped_ns)
        threads->stopped_ns = clock_fine_ns() - threads->stopped_ns;
}

uint32_t threads_alive(const struct reach_threads *threads)
{
    uint32_t alive = 0;
    for (uint32_t i = 0; i < threads->count; i++)
        alive += threads->rows[i].tid != 0;
    return alive;
}

/* ---- afterwards ---- */

static bool same_registers(const struct reach_thread *a, const struct reach_thread *b)
{
    uintptr_t other = (a->sp ^ b->sp) | (a->pc ^ b->pc);
    for (uint32_t i = 0; i < ARGUMENTS; i++)
        other |= a->registers[i] ^ b->registers[i];
    return !other;
}

static bool stayed(const struct reach_thread *thread)
{
    struct reach_thread now = {.tid = thread->tid};
    return look_at(thread->tid, &now) == SIGHT_BLOCKED && same_registers(thread, &now) &&
           ran_ns(thread->tid) == thread->ran_ns;
}

struct newcomers {
    const struct reach_threads *threads;
    uint32_t own_tid, hint;
    bool any;
};

/* The kernel lists them in one order, so that the next one is most often the next row. */
static bool look_for_newcomer(const char *name, void *arg)
{
    struct newcomers *newcomers = arg;
    uint32_t tid = (uint32_t)text_read_u64(&name);
    if (tid == 0 || tid == newcomers->own_tid || tid == newcomers->threads->waits)
        return true;
    const struct reach_threads *threads = newcomers->threads;
    for (uint32_t i = 0; i < threads->count; i++) {
        uint32_t at = (newcomers->hint + i) % threads->count;
        if (threads->rows[at].tid == tid) {
            newcomers->hint = at + 1;
            return true;
        }
    }
    newcomers->any = !is_dead(tid);
    return !newcomers->any;
}

bool threads_stayed(const struct reach_threads *threads)
{
    uint32_t before = restless_count;
    bool any_late = false;
    for (uint32_t i = 0; i < threads->count; i++) {
        any_late |= threads->rows[i].is_late;
        if (threads->rows[i].tid && atomic_load(&threads->rows[i].reading) == THREAD_BLOCKED &&
            !stayed(&threads->rows[i]))
            note_restless(threads->rows[i].tid);
    }
    struct newcomers newcomers = {.threads = threads, .own_tid = (uint32_t)sys_gettid()};
    sys_list("/proc/self/task", look_for_newcomer, &newcomers);
    return !newcomers.any && !any_late && restless_count == before;
}
