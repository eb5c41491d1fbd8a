/* SPDX-License-Identifier: MIT */
/*
 * A request that cannot be answered is refused with the reason, before any
 * signal is sent: a signal that nobody catches would end the program.
 */
#include "request.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "elf_facts.h"

#include "preload/format.h"

#define NS_PER_MS                UINT64_C(1000000)
#define NS_PER_S                 UINT64_C(1000000000)
#define POLL_FIRST_MS            1
#define POLL_LAST_MS             100
#define RUNS_ON_NS               (NS_PER_S / 20) /* then it computes, and replaces nothing */
#define ANNOUNCE_WAIT_NS         (2 * NS_PER_S)  /* from being loaded to being ready */
#define ABSENT_FOR_NS            (NS_PER_S / 20) /* a loader at work has not come to it yet */
#define PROC_EXE_ROOM            32
#define REASON_ROOM              192
#define SEND_TO_THREAD           1u /* PIDFD_SIGNAL_THREAD, Linux 6.9 */
#define SIGNAL_NUMBER_IS_SANE(n) ((n) > 0 && (n) <= 64)

static uint64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static bool signal_in(uint64_t mask, int number)
{
    return mask >> (number - 1) & 1;
}

static int refuse(const struct process_facts *process, const char *reason)
{
    fprintf(stderr, "ctxtrace: %d (%s): %s\n", process->pid, process->name, reason);
    return STATUS_BAD_INPUT;
}

static int process_check(pid_t pid, struct process_facts *ret)
{
    int error = process_facts_read(ret, pid);

    if (error == -ESRCH) {
        fprintf(stderr, "ctxtrace: there is no process %d\n", pid);
        return STATUS_BAD_INPUT;
    }
    if (error < 0) {
        fprintf(stderr, "ctxtrace: process %d: %s\n", pid, strerror(-error));
        return STATUS_BAD_INPUT;
    }
    if (!ret->living)
        return refuse(ret, "has ended, and waits to be reaped");
    if (kill(pid, 0) < 0 && errno == EPERM)
        return refuse(ret, "is not ours: it belongs to another user");
    if (ret->state == 'T')
        return refuse(ret, "is stopped: it can answer when it goes on (kill -CONT)");
    return STATUS_OK;
}

static int absent_refuse(const struct process_facts *process)
{
    char exe[PROC_EXE_ROOM];
    struct elf_facts facts;
    const char *reason = "has no tracker: start it by `ctxtrace run`, or with "
                         "LD_PRELOAD=libctxtrace.so";

    snprintf(exe, sizeof(exe), "/proc/%d/exe", process->living);
    if (elf_facts_read(&facts, exe) == ELF_FACTS_OK && !facts.dynamic)
        reason = "has no tracker: it is a static program, which cannot be traced";
    elf_facts_clear(&facts);
    return refuse(process, reason);
}

static bool tracker_is_off(const char *options)
{
    char value[8] = "";

    return option_text_find(options, "off", value, sizeof(value)) && strcmp(value, "0") != 0 &&
           strcmp(value, "off") != 0;
}

/* Sleeps, longer each time. Returns false when the process has ended. */
static bool process_wait(int pidfd, int *delay_ms)
{
    struct pollfd end = {.fd = pidfd, .events = POLLIN};

    if (poll(&end, 1, *delay_ms) > 0)
        return false;
    *delay_ms = *delay_ms * 2 < POLL_LAST_MS ? *delay_ms * 2 : POLL_LAST_MS;
    return true;
}

/* The first signal that is still the tracker's; one that the main thread
 * blocks only when there is no better one: another thread may take it. */
static int signal_choose(const struct announcement *announcement,
                         const struct process_facts *process)
{
    int blocked = 0;

    for (size_t i = 0; i < ANNOUNCE_SIGNALS; i++) {
        int number = announcement->signals[i];

        if (!SIGNAL_NUMBER_IS_SANE(number) || !signal_in(process->signals_caught, number))
            continue;
        if (!signal_in(process->signals_blocked, number))
            return number;
        if (!blocked)
            blocked = number;
    }
    return blocked;
}

/*
 * A tracker announces itself only when it is first asked, since files cost a
 * short-lived process more than it can spare. Until then the signal is what
 * the options say, or the second one: that is hardly ever the program's own,
 * as SIGUSR1 may be, and when both are the tracker's it does as well.
 */
static void announcement_presume(struct announcement *ret, const char *options)
{
    char signal_name[32];

    *ret = (struct announcement){.mark_ns = CTT_NEVER, .off_ns = CTT_NEVER};
    if (option_text_find(options, "signal", signal_name, sizeof(signal_name)) && signal_name[0])
        ret->signals[0] = signal_parse(signal_name);
    else
        ret->signals[0] = TRACKER_SIGNAL_SECOND;
}

/* The process's announcement, or what is presumed of it. Waits for a tracker
 * that is loaded but has not taken its signals yet. */
static int announcement_await(const struct request *request, int pidfd,
                              struct process_facts *process, struct announcement *ret)
{
    uint64_t wait = request->timeout_ns < ANNOUNCE_WAIT_NS ? request->timeout_ns : ANNOUNCE_WAIT_NS;
    uint64_t begun = clock_ns();
    char *options = process_environment(process, "CTXTRACE_OPTIONS");
    bool off = tracker_is_off(options);
    int delay_ms = POLL_FIRST_MS;
    int status = STATUS_OK;

    announcement_presume(ret, options);
    free(options);
    while (status == STATUS_OK && announcement_find(ret, request->dir, process) != 0) {
        enum tracker_presence presence = process_tracker(process);
        uint64_t waited = clock_ns() - begun;

        if (presence == TRACKER_ABSENT && waited >= ABSENT_FOR_NS)
            status = absent_refuse(process);
        else if (presence == TRACKER_UNKNOWN)
            status = refuse(process, "has announced no tracker, and its maps may not be read");
        else if (off)
            status = refuse(process, "the tracker is loaded but switched off (off=1)");
        else if (presence == TRACKER_LOADED && signal_choose(ret, process))
            break;
        else if (waited >= wait)
            status = refuse(process, "the tracker is loaded but waits for no signal: it is "
                                     "switched off, or the program has taken them");
        else if (!process_wait(pidfd, &delay_ms))
            status = refuse(process, "ended before it could be asked");
        else
            status = process_check(request->pid, process);
    }
    return status;
}

static const char *signal_refusal(int number)
{
    if (number)
        return "all its threads block the signal: it would not come, or be taken for the "
               "program's own (auto= takes snapshots without one)";
    return "the program uses the tracker's signals itself (start it with signal=… to choose "
           "another)";
}

/*
 * The signal by which the process may be asked now.
 *
 * From some moment of an exec on, until the new program's tracker is ready, nobody handles
 * it and it would kill. So we look for a moment at which the main thread waits for
 * something else, as all but programs that compute do all the time, and only then whether
 * it handles the signal: for our signal to kill, it must be woken, come to an exec and go
 * through half of that before the signal is there.
 */
static int signal_await(const struct request *request, int pidfd,
                        const struct announcement *announcement, struct process_facts *ret_process,
                        int *ret_number)
{
    uint64_t wait = request->timeout_ns < ANNOUNCE_WAIT_NS ? request->timeout_ns : ANNOUNCE_WAIT_NS;
    uint64_t begun = clock_ns();
    int delay_ms = POLL_FIRST_MS;

    for (;;) {
        enum process_doing doing = process_doing(ret_process->living);
        int status = process_check(request->pid, ret_process);
        uint64_t waited = clock_ns() - begun;
        bool is_traced = ret_process->state == 't'; /* it goes on in a moment, or not */
        bool is_moment = !is_traced && (doing == PROCESS_WAITS || doing == PROCESS_SIGWAITS ||
                                        doing == PROCESS_UNKNOWN ||
                                        (doing == PROCESS_RUNS && waited > RUNS_ON_NS));

        if (status != STATUS_OK)
            return status;
        if (doing == PROCESS_SIGWAITS)
            ret_process->signals_blocked = UINT64_MAX;
        *ret_number = signal_choose(announcement, ret_process);
        if (*ret_number && is_moment &&
            (!signal_in(ret_process->signals_blocked, *ret_number) ||
             process_takes(ret_process, *ret_number)))
            return STATUS_OK;
        if (waited >= wait && is_traced)
            return refuse(ret_process, "is stopped by whoever traces it (a debugger, strace)");
        if (waited >= wait)
            return refuse(ret_process, signal_refusal(*ret_number));
        if (!process_wait(pidfd, &delay_ms))
            return refuse(ret_process, "ended before it could be asked");
        if (waited < RUNS_ON_NS)
            delay_ms = POLL_FIRST_MS;
    }
}

/* To the main thread alone where it does not block the signal: one for the whole
 * process may be taken by any thread in sigwait or that reads a signalfd. */
static int signal_send(int pidfd, int number, enum request_value value,
                       const struct process_facts *process)
{
    bool to_main = !signal_in(process->signals_blocked, number);
    siginfo_t info = {0};
    int failed;

    info.si_signo = number;
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_int = value;
    failed = pidfd_send_signal(pidfd, number, &info, to_main ? SEND_TO_THREAD : 0);
    if (failed && to_main && errno == EINVAL)
        failed = pidfd_send_signal(pidfd, number, &info, 0);
    return failed ? -errno : 0;
}

static bool is_answered(const struct request *request, const struct announcement *before,
                        const struct announcement *now)
{
    if (request->value == REQUEST_MARK)
        return now->mark_ns != before->mark_ns;
    if (request->value == REQUEST_OFF)
        return now->off_ns != CTT_NEVER;
    return now->sequence > before->sequence && now->file[0];
}

/* Why there may be no answer: seen in /proc, or what else it can be. */
static const char *silence_reason(const struct request *request,
                                  const struct process_facts *process, bool announced)
{
    struct process_facts now = *process;

    process_facts_read(&now, process->pid);
    if (now.state == 'T' || now.state == 't')
        return ": it is stopped";
    if (now.state == 'D')
        return ": it waits uninterruptibly in the kernel";
    /* Programs that rewrite their argv (redis, nginx) destroy what /proc shows
     * of the environment, dir= in it. */
    if (!announced && !request->dir)
        return " where dumps are looked for: it has taken the signal for itself, or its dumps go "
               "elsewhere (say where with --dir=DIR)";
    return "";
}

static int silence_refuse(const struct request *request, const struct process_facts *process,
                          bool announced)
{
    char reason[REASON_ROOM];

    snprintf(reason, sizeof(reason), "no answer within %.3g s%s",
             (double)request->timeout_ns / (double)NS_PER_S,
             silence_reason(request, process, announced));
    return refuse(process, reason);
}

static int answer_await(const struct request *request, const struct process_facts *process,
                        int pidfd, const struct announcement *before, struct announcement *ret)
{
    uint64_t deadline = clock_ns() + request->timeout_ns;
    int delay_ms = POLL_FIRST_MS;

    for (;;) {
        bool alive = process_wait(pidfd, &delay_ms);
        bool announced =
            announcement_find(ret, before->dir[0] ? before->dir : request->dir, process) == 0;

        if (announced && is_answered(request, before, ret))
            return STATUS_OK;
        if (!alive)
            return refuse(process, "ended before it answered");
        if (clock_ns() >= deadline)
            return silence_refuse(request, process, announced);
    }
}

static int request_by_pidfd(const struct request *request, int pidfd,
                            struct process_facts *ret_process, struct announcement *ret_answer)
{
    struct announcement before;
    int status = process_check(request->pid, ret_process);
    int number = 0;
    int error;

    if (status == STATUS_OK)
        status = announcement_await(request, pidfd, ret_process, &before);
    if (status == STATUS_OK)
        status = signal_await(request, pidfd, &before, ret_process, &number);
    if (status != STATUS_OK)
        return status;
    error = signal_send(pidfd, number, request->value, ret_process);
    if (error < 0)
        return refuse(ret_process, strerror(-error));
    return answer_await(request, ret_process, pidfd, &before, ret_answer);
}

int request_make(const struct request *request, struct process_facts *ret_process,
                 struct announcement *ret_answer)
{
    /* A descriptor before any check: from here on the pid cannot become
     * somebody else's. */
    int pidfd = pidfd_open(request->pid, 0);
    int status;

    if (pidfd < 0) {
        status = process_check(request->pid, ret_process);
        if (status == STATUS_OK)
            status = refuse(ret_process, "is a thread, or the kernel has no pidfd");
        return status;
    }
    status = request_by_pidfd(request, pidfd, ret_process, ret_answer);
    close(pidfd);
    return status;
}
