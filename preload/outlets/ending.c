/* SPDX-License-Identifier: MIT */
#include "preload/outlets/ending.h"

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "preload/facts/departure.h"
#include "preload/facts/holding.h"
#include "preload/facts/unwind_bounds.h"
#include "preload/ground/config.h"
#include "preload/ground/guard.h"
#include "preload/ground/health.h"
#include "preload/ground/machine.h"
#include "preload/ground/notify.h"
#include "preload/ground/sys.h"
#include "preload/outlets/announce.h"
#include "preload/outlets/automatic.h"
#include "preload/outlets/dump.h"
#include "preload/outlets/dump_writer.h"
#include "preload/outlets/fatal.h"
#include "preload/outlets/folder.h"
#include "preload/outlets/reach.h"
#include "preload/outlets/render_plain.h"
#include "preload/outlets/reporter.h"
#include "preload/outlets/sequence.h"
#include "preload/outlets/snapshot.h"
#include "preload/outlets/speak.h"
#include "preload/outlets/state.h"
#include "preload/outlets/switched_off.h"
#include "preload/outlets/terminal.h"
#include "preload/outlets/trigger.h"
#include "preload/outlets/verdict.h"

#define NS_PER_S         UINT64_C(1000000000)
#define DUMP_PATIENCE_NS (30 * NS_PER_S) /* millions of blocks take a second */
#define WAIT_SLICE_NS    (NS_PER_S / 10)

/* The one report, filled before the reporter starts. */
static struct {
    struct dump_request request;
    struct reach_place place;
    bool worth;
    bool said;    /* a dump is written, whatever memory is found to be lost */
    bool is_lost; /* no dump could be written */
    int fd;
} report;

/* How far the reporter is: what the waiting thread's patience depends on. */
static _Atomic uint64_t speaking_since;
static _Atomic bool found_something;

static void report_text(int fd)
{
    uint64_t deadline = clock_fine_ns() + config.render;
    bool spoke;
    enum speak_status status = speak_dump(dump_path(), fd, deadline, &spoke);
    if (status == SPEAK_FAILED) {
        HEALTH(render_failed);
        if (!spoke && report.worth && fd >= 0)
            render_plain(fd, dump_path(), clock_fine_ns() + NS_PER_S);
    }
    if (status == SPEAK_FINDINGS)
        atomic_store(&found_something, true);
    /* Nobody asked for dumps and nobody was told of this one. */
    if (!*config.dir && (status == SPEAK_SILENT || (status == SPEAK_FAILED && !report.worth)))
        dump_forget();
}

/* Whether there is anything to write, now that memory was looked at, too. */
static bool report_judge(void)
{
    if (report.request.reaches)
        reach_judge(&report.request);
    report.worth |= reach_found();
    report.said |= report.worth;
    return report.said;
}

static void report_write(void)
{
    int result = dump_write(&report.request);
    atomic_store(&speaking_since, clock_fine_ns());
    report.is_lost = result < 0;
    if (result < 0) {
        terminal_complain(result, report.fd);
        if (report.worth && report.fd >= 0)
            render_plain(report.fd, "", clock_fine_ns() + NS_PER_S);
        return;
    }
    if (folder_fallback() && sequence_last() == 1 && report.fd >= 0)
        terminal_line(folder_fallback(), report.fd);
    if (report.worth || config.verbose || is_switched_off())
        report_text(report.fd);
}

static void report_make(void)
{
    if (report_judge())
        report_write();
    reach_over();
}

/* Until the reporter is done, or has used up what it is given. */
static void report_wait(void)
{
    uint64_t begun = clock_fine_ns();
    while (!reporter_wait(WAIT_SLICE_NS)) {
        uint64_t now = clock_fine_ns(), since = atomic_load(&speaking_since);
        if (since ? now - since > config.render + 2 * NS_PER_S : now - begun > DUMP_PATIENCE_NS) {
            HEALTH(reporter_waits_expired);
            return;
        }
    }
}

/* The first who comes makes the report. Others who end the process meanwhile
 * wait for it, or it would be cut short. */
static bool report_is_mine(void)
{
    int on = TRACKER_ON, off = TRACKER_OFF;
    if (atomic_compare_exchange_strong(&tracker_state, &on, TRACKER_REPORTING) ||
        (is_switched_off() &&
         atomic_compare_exchange_strong(&tracker_state, &off, TRACKER_REPORTED)))
        return true;
    if (on == TRACKER_REPORTING || on == TRACKER_REPORTED || off == TRACKER_REPORTED)
        report_wait();
    return false;
}

static void report_is_out(void)
{
    int reporting = TRACKER_REPORTING;
    atomic_compare_exchange_strong(&tracker_state, &reporting, TRACKER_REPORTED);
}

/* The child of a fork that is about to become another program has its parent's memory. */
static bool is_to_judge(enum ctt_trigger trigger, bool said)
{
    bool is_copy = trigger == CTT_TRIGGER_EXEC && atomic_load(&is_fork_child);
    return strcmp(config.reach, "0") != 0 && !is_switched_off() && !is_copy &&
           (said || reach_may_find());
}

static void end(enum ctt_trigger trigger, int signal, int status, bool dump_anyway,
                const struct reach_place *place)
{
    if (!report_is_mine())
        return;
    snapshot_settle();
    report.is_lost = false;
    report.worth = verdict_worth_saying();
    report.said = report.worth || config.verbose || dump_anyway || is_switched_off();
    bool judges = is_to_judge(trigger, report.said);
    if (report.said || judges) {
        report.place = *place;
        report.request = (struct dump_request){.trigger = trigger,
                                               .signal = signal,
                                               .exit_code = status,
                                               .tid = (uint32_t)sys_gettid(),
                                               .place = &report.place,
                                               .reaches = judges};
        report.fd = terminal_fd();
        atomic_store(&speaking_since, 0);
        if (reporter_run(report_make, report.fd))
            report_wait();
    }
    report_is_out();
    announce_withdraw();
    if (trigger != CTT_TRIGGER_EXEC)
        state_withdraw(report.is_lost ? STATE_OVER_LOST : STATE_OVER_ENDED);
}

/* ---- where it came from ---- */

/* `site` is that of the function that libc's exit has called. */
static struct reach_place place_find(const struct call_site *site)
{
    struct departure departure;
    struct reach_place place = {0};
    if (departure_read((uint32_t)sys_gettid(), &departure)) {
        place.sp = departure.sp;
        place.register_count = sizeof departure.registers / sizeof *departure.registers;
        memcpy(place.registers, departure.registers, sizeof departure.registers);
    } else {
        departure_by_return(site, &place.sp);
    }
    return place;
}

/* ---- the ways out ---- */

static bool changes_status(int status)
{
    return config.exitcode != 0 && status == 0 && atomic_load(&found_something);
}

static void over(int status)
{
    sys_call(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

static void on_exit_over(int status, void *unused)
{
    if (!reporter_is_at_home())
        return;
    struct call_site site = CALL_SITE();
    struct reach_place place = place_find(&site);
    end(CTT_TRIGGER_EXIT, 0, status, *config.dir, &place);
    if (changes_status(status)) {
        fflush(NULL); /* what exit() itself would do next */
        over((int)config.exitcode);
    }
}

/* The child of a fork that ends by _exit has failed to exec, or is a part of
 * its parent: not a word of it. */
static void on_ending(int status)
{
    if (!reporter_is_at_home())
        return;
    if (atomic_load(&is_fork_child)) {
        snapshot_settle();
        state_withdraw(STATE_OVER_ENDED);
        return;
    }
    struct call_site site = CALL_SITE();
    struct reach_place place = place_find(&site);
    end(CTT_TRIGGER_EXIT, 0, status, *config.dir, &place);
    if (changes_status(status))
        over((int)config.exitcode);
}

static void on_exec(const char *path, bool is_followed)
{
    if (!reporter_is_at_home())
        return;
    struct call_site site = CALL_SITE();
    struct reach_place place = place_find(&site);
    end(CTT_TRIGGER_EXEC, 0, -1, *config.dir && !atomic_load(&is_fork_child), &place);
    state_before_exec(is_followed);
}

static void on_exec_failed(void)
{
    if (!reporter_is_at_home())
        return;
    switch_back();
    state_after_exec();
}

void ending_by_signal(int number, const void *ucontext)
{
    struct reach_place place = {.sp = machine_sp(ucontext) - RED_ZONE};
    place.register_count = machine_registers(ucontext, place.registers, PLACE_REGISTERS);
    end(CTT_TRIGGER_FATAL, number, -1, *config.dir, &place);
}

static void on_forked(void)
{
    report_is_out(); /* its parent's, should another thread of that be making one */
    reporter_forked();
    snapshot_forked();
    sequence_forked();
    announce_forked();
    switched_off_forked();
    automatic_forked();
    state_forked();
}

/* ---- the start ---- */

void outlets_begin(char **argv, char **envp)
{
    Dl_info ours = {0};
    dladdr((void *)outlets_begin, &ours);
    folder_start(environment_value(envp, "TMPDIR"));
    sequence_start(argv[0]);
    speak_start(environment_value(envp, "CTXTRACE_TOOL"), ours.dli_fname);
    dump_process_start(gnu_get_libc_version());
    terminal_start();
    if (!reporter_prepare())
        return;
    notify.ending = on_ending;
    notify.exec = on_exec;
    notify.exec_failed = on_exec_failed;
    notify.settle = snapshot_settle;
    notify.snapshot = snapshot_now;
    notify.stderr_closing = terminal_closing;
    notify.forked = on_forked;
    reach_start();
    trigger_start();
    fatal_start();
    automatic_start();
    state_start();
    on_exit(on_exit_over, NULL);
}
