/* SPDX-License-Identifier: MIT */
/*
 * See live_stacks.h. All of it is done by a thread that then ends: the kernel lets go of
 * whatever that one has traced, also of a thread that had been told to stop and stops later.
 * Signals that end the command are kept until it is over; it looks for them.
 */
#include "live_stacks.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "live_refusal.h"
#include "pool.h"

enum {
    PATH_ROOM = 64,
    LINE_ROOM = 4096,
    PASSES_MAX = 3, /* over the list of threads: some begin meanwhile */
    THREADS_FIRST = 64,
};

/*
 * A thread that runs is looked at again and again: one that works with files and pipes waits
 * soon, and is read then. To stop it would show if just then it wrote more than fits: it would
 * have written a part. It is stopped when it has computed for so long without waiting once.
 */
#define COMPUTES_NS   UINT64_C(1000000)
#define SETTLE_ALL_NS UINT64_C(300000000) /* for all threads together */
#define SETTLE_NAP_NS 100000

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};

struct taking {
    struct live_stacks *stacks;
    const struct live_wanted *wanted;
    struct live_unwinder *unwinder;
    struct live_stopper stopper;
    struct live_picture picture;
};

static bool proc_read(pid_t pid, pid_t tid, const char *name, char *ret, size_t room)
{
    char path[PATH_ROOM];
    size_t bytes;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", pid, tid, name);
    file = fopen(path, "re");
    if (!file)
        return false;
    bytes = fread(ret, 1, room - 1, file);
    fclose(file);
    ret[bytes] = 0;
    return bytes > 0;
}

/* What changes whenever a thread has run. */
static bool runs_read(pid_t pid, pid_t tid, char *ret)
{
    return proc_read(pid, tid, "schedstat", ret, LINE_ROOM) ||
           proc_read(pid, tid, "status", ret, LINE_ROOM);
}

/* Name, state, and the tid that it has in its own namespace. False: it has ended. */
static bool facts_read(pid_t pid, struct live_thread *thread)
{
    char text[LINE_ROOM];
    const char *open, *close, *own;

    if (!proc_read(pid, thread->tid, "stat", text, sizeof(text)))
        return false;
    open = strchr(text, '(');
    close = strrchr(text, ')');
    if (!open || !close || close[1] != ' ')
        return false;
    snprintf(thread->name, sizeof(thread->name), "%.*s", (int)(close - open - 1), open + 1);
    thread->state = close[2];
    thread->own_tid = thread->tid;
    if (proc_read(pid, thread->tid, "status", text, sizeof(text)) &&
        (own = strstr(text, "\nNSpid:"))) {
        size_t length = strcspn(own + 1, "\n");

        while (length && own[length] != '\t')
            length--;
        thread->own_tid = atoi(own + length);
    }
    return true;
}

static bool ending_is_pending(void)
{
    sigset_t pending;

    sigpending(&pending);
    for (size_t i = 0; i < sizeof(ending_signals) / sizeof(ending_signals[0]); i++) {
        if (sigismember(&pending, ending_signals[i]) == 1)
            return true;
    }
    return false;
}

/* Reads a thread as it waits. Returns false when it moved meanwhile. */
static bool waiting_read(struct taking *taking, struct live_thread *thread)
{
    pid_t pid = taking->stacks->process->pid;
    char before[LINE_ROOM], after[LINE_ROOM];
    struct live_picture *picture = &taking->picture;

    if (!runs_read(pid, thread->tid, before) ||
        live_call_read(&thread->call, pid, thread->tid) < 0 || !thread->call.sp)
        return false;
    picture->registers = (struct user_regs_struct){
        .rsp = thread->call.sp,
        .rip = thread->call.pc,
    };
    picture->partial = true;
    picture->copies[1].bytes = 0;
    live_copy_take(&taking->stacks->memory, thread->call.sp, &picture->copies[0]);
    live_unwind(taking->unwinder, picture, true, &thread->frames);
    if (!runs_read(pid, thread->tid, after) || strcmp(before, after) != 0)
        return false;
    thread->reading = LIVE_READ_WAITING;
    return true;
}

static const char *stop_reason(enum live_stop_end end, const struct taking *taking)
{
    switch (end) {
    case LIVE_STOP_ENDED:
        return "it ended meanwhile";
    case LIVE_STOP_REFUSED:
        return taking->stacks->refusal;
    case LIVE_STOP_LATE:
        return "it did not come to a stop in time, and runs on";
    case LIVE_STOP_OVER:
        return "the time for stopping threads was over (--stop)";
    default:
        return NULL;
    }
}

/* Stops the thread and unwinds what it left; once more when that needs another stack. */
static enum live_stop_end stopped_read(struct taking *taking, struct live_thread *thread)
{
    struct live_stacks *stacks = taking->stacks;
    struct live_picture *picture = &taking->picture;
    struct live_frames frames = {0};
    enum live_stop_end end;

    picture->copies[1].bytes = 0;
    end = live_stop(&taking->stopper, &stacks->memory, thread->tid, 0, picture);
    if (end == LIVE_STOP_REFUSED && !stacks->refusal[0])
        live_refusal_explain(stacks->process, EPERM, stacks->refusal, sizeof(stacks->refusal));
    if (end != LIVE_STOPPED)
        return end;
    live_unwind(taking->unwinder, picture, false, &frames);
    if (frames.missed && live_stop(&taking->stopper, &stacks->memory, thread->tid, frames.missed,
                                   picture) == LIVE_STOPPED)
        live_unwind(taking->unwinder, picture, false, &frames);
    free(thread->frames.items);
    thread->frames = frames;
    thread->reading = LIVE_READ_STOPPED;
    return end;
}

static bool may_stop(const struct taking *taking, const struct live_thread *thread)
{
    /* 'T', 't': it stands still already, and its parent would be told of it again. 'D':
     * it cannot stop. */
    return !strchr("TtD", thread->state) &&
           live_call_may_stop(&thread->call, taking->stacks->process->pid);
}

/* For how long it has run, and how often it has waited. */
static bool work_read(pid_t pid, pid_t tid, struct live_work *ret)
{
    char text[LINE_ROOM];
    const char *waits;

    if (!proc_read(pid, tid, "schedstat", text, sizeof(text)))
        return false;
    ret->ran_ns = strtoull(text, NULL, 10);
    if (!proc_read(pid, tid, "status", text, sizeof(text)))
        return false;
    waits = strstr(text, "\nvoluntary_ctxt_switches:");
    ret->waits = waits ? strtoull(strchr(waits, ':') + 1, NULL, 10) : 0;
    return waits != NULL;
}

/* Since it was first looked at, or has last waited. */
static bool computes(const struct taking *taking, struct live_thread *thread)
{
    struct live_work work;

    if (!work_read(taking->stacks->process->pid, thread->tid, &work))
        return false;
    if (thread->work.ran_ns && work.waits == thread->work.waits)
        return work.ran_ns - thread->work.ran_ns >= COMPUTES_NS;
    thread->work = work;
    return false;
}

static void stop_if_may(struct taking *taking, struct live_thread *thread)
{
    if (!taking->wanted->stop_ns)
        thread->reason = "nobody was to be stopped (--stop=0)";
    else if (!may_stop(taking, thread))
        thread->reason = "stopping it in this call would show in the program";
    else
        thread->reason = stop_reason(stopped_read(taking, thread), taking);
}

/* Returns false when the thread has to be looked at again. */
static bool stack_read(struct taking *taking, struct live_thread *thread)
{
    int error = live_call_read(&thread->call, taking->stacks->process->pid, thread->tid);

    if (error < 0) {
        thread->reason =
            error == -ESRCH ? "it ended meanwhile" : "the kernel does not tell what it waits in";
        return true;
    }
    if (thread->call.sp) {
        if (!waiting_read(taking, thread))
            return false;
        if (thread->frames.cut == LIVE_CUT_REGISTER)
            stop_if_may(taking, thread);
        return true;
    }
    if (taking->wanted->stop_ns && !computes(taking, thread))
        return false;
    stop_if_may(taking, thread);
    return true;
}

/* The threads that ran, or moved, when they were first looked at. */
static void restless_read(struct taking *taking)
{
    static const struct timespec nap = {.tv_nsec = SETTLE_NAP_NS};
    struct live_stacks *stacks = taking->stacks;
    uint64_t until = live_clock_ns() + SETTLE_ALL_NS;
    size_t left;

    do {
        left = 0;
        for (size_t i = 0; i < stacks->count; i++) {
            struct live_thread *thread = &stacks->threads[i];

            if (thread->restless)
                thread->restless = !stack_read(taking, thread);
            left += thread->restless;
        }
        if (left)
            nanosleep(&nap, NULL);
    } while (left && live_clock_ns() < until && !ending_is_pending());
    for (size_t i = 0; i < stacks->count; i++) {
        if (stacks->threads[i].restless)
            stacks->threads[i].reason = "it is about to run, or runs and waits in turn too fast";
    }
}

static void thread_read(struct taking *taking, pid_t tid)
{
    struct live_stacks *stacks = taking->stacks;
    struct live_thread *thread;

    if (stacks->count == stacks->room) {
        stacks->room = stacks->room ? stacks->room * 2 : THREADS_FIRST;
        stacks->threads = xrealloc(stacks->threads, stacks->room, sizeof(*stacks->threads));
    }
    thread = &stacks->threads[stacks->count];
    *thread = (struct live_thread){.tid = tid, .call.number = LIVE_CALL_UNKNOWN};
    if (!facts_read(stacks->process->pid, thread))
        return;
    stacks->count++;
    if (thread->state == 'Z' || thread->state == 'X')
        thread->reason = "it has ended; others go on";
    else if (!stacks->unreadable && taking->wanted->stacks)
        thread->restless = !stack_read(taking, thread);
    else if (live_call_read(&thread->call, stacks->process->pid, tid) < 0)
        thread->call.number = LIVE_CALL_UNKNOWN;
    if (stacks->unreadable)
        thread->reason = stacks->refusal;
}

static bool is_known(const struct live_stacks *stacks, pid_t tid)
{
    for (size_t i = 0; i < stacks->count; i++) {
        if (stacks->threads[i].tid == tid)
            return true;
    }
    return false;
}

/* The threads that are not known yet. Returns how many that were. */
static size_t pass_make(struct taking *taking)
{
    struct live_stacks *stacks = taking->stacks;
    size_t before = stacks->count;
    char path[PATH_ROOM];
    struct dirent *entry;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/task", stacks->process->pid);
    dir = opendir(path);
    while (dir && (entry = readdir(dir))) {
        pid_t tid = pid_parse(entry->d_name);

        if (ending_is_pending()) {
            stacks->cut_short = true;
            break;
        }
        if (tid && (!taking->wanted->tid || taking->wanted->tid == tid) && !is_known(stacks, tid))
            thread_read(taking, tid);
    }
    if (dir)
        closedir(dir);
    return stacks->count - before;
}

static void *taking_run(void *arg)
{
    struct taking *taking = arg;
    struct live_stacks *stacks = taking->stacks;
    int passes = 0;

    taking->stopper.budget_ns = taking->wanted->stop_ns;
    while (passes++ < PASSES_MAX && !stacks->cut_short && pass_make(taking))
        ;
    restless_read(taking);
    stacks->stops = taking->stopper.count;
    stacks->stop_longest_ns = taking->stopper.longest_ns;
    stacks->stop_total_ns = taking->stopper.total_ns;
    return NULL;
}

/* By a thread of its own. */
static void taking_begin(struct taking *taking)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t all, before;
    pthread_t thread;

    sigaction(SIGCHLD, &plain, NULL); /* ignored, it would not tell of a stop */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, taking_run, taking) != 0)
        memory_exhausted();
    pthread_join(thread, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void live_stacks_take(struct live_stacks *ret, const struct process_facts *process,
                      const struct live_wanted *wanted)
{
    struct taking taking = {.stacks = ret, .wanted = wanted};
    int error;

    *ret = (struct live_stacks){.process = process, .memory.fd = -1};
    /* Through a thread that lives: that of an ended main thread has no memory. */
    error = wanted->stacks ? live_memory_open(&ret->memory, process->living) : 0;
    if (error < 0) {
        ret->unreadable = true;
        live_refusal_explain(process, -error, ret->refusal, sizeof(ret->refusal));
    }
    taking.unwinder = live_unwinder_new(&ret->memory);
    if (!taking.unwinder)
        memory_exhausted();
    live_picture_prepare(&taking.picture);
    taking_begin(&taking);
    ret->replaced = wanted->stacks && !ret->unreadable && live_memory_is_gone(&ret->memory);
    live_unwinder_free(taking.unwinder);
    live_picture_free(&taking.picture);
}

void live_stacks_free(struct live_stacks *stacks)
{
    for (size_t i = 0; i < stacks->count; i++)
        free(stacks->threads[i].frames.items);
    free(stacks->threads);
    live_memory_close(&stacks->memory);
    *stacks = (struct live_stacks){.memory.fd = -1};
}
