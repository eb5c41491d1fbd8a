/* SPDX-License-Identifier: MIT */
#include "preload/outlets/snapshot.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>

#include "preload/ground/config.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"
#include "preload/outlets/announce.h"
#include "preload/outlets/automatic.h"
#include "preload/outlets/dump.h"
#include "preload/outlets/reach.h"
#include "preload/outlets/reporter.h"
#include "preload/outlets/sequence.h"
#include "preload/outlets/state.h"
#include "preload/outlets/switched_off.h"
#include "preload/outlets/terminal.h"

#define SETTLE_NS   UINT64_C(2000000000)
#define NOW_NS      UINT64_C(10000000000)
#define HANDOVER_NS UINT64_C(10000000) /* between a job's end and its task's */

enum wanted {
    WANT_DUMP = 1 << 0,
    WANT_ANNOUNCEMENT = 1 << 1,
    WANT_OFF = 1 << 2,
    WANT_LOOK = 1 << 3,
    WANT_REACH = 1 << 4, /* with WANT_DUMP */
};

/* Who sets a bit and finds the phase idle starts the reporter. Who finds it
 * running makes it go round once more: the reporter stops only by the exchange
 * from running to idle, which then fails. */
enum phase { PHASE_IDLE, PHASE_RUNNING, PHASE_AGAIN };
static _Atomic int phase;
static _Atomic uint32_t wanted;
static _Atomic int requested_by; /* signal number */
static _Atomic uint32_t requester;

static void dump_one(const struct dump_request *request)
{
    if (request->reaches && !is_switched_off())
        reach_judge(request);
    int result = dump_write(request);
    reach_over();
    if (result < 0)
        terminal_complain(result, -1);
    else if (sequence_last() == 1 && folder_fallback())
        terminal_line(folder_fallback(), -1);
}

static bool reaches_always(void)
{
    return strcmp(config.reach, "1") == 0;
}

static void work_once(void)
{
    uint32_t bits = atomic_exchange(&wanted, 0);
    if (bits & WANT_DUMP) {
        int number = atomic_load(&requested_by);
        struct dump_request request = {.trigger = number ? CTT_TRIGGER_SIGNAL : CTT_TRIGGER_API,
                                       .signal = (uint32_t)number,
                                       .exit_code = -1,
                                       .tid = atomic_load(&requester),
                                       .reaches = bits & WANT_REACH || reaches_always()};
        dump_one(&request);
    }
    if (bits & WANT_LOOK)
        state_look(reporter_has_own_fds());
    struct dump_request own = {
        .exit_code = -1, .tid = atomic_load(&requester), .reaches = reaches_always()};
    bool is_due = bits & WANT_LOOK && reporter_has_own_fds() && automatic_is_due(&own);
    if (is_due)
        dump_one(&own);
    if (bits & WANT_OFF) {
        switch_off();
        state_withdraw(STATE_OVER_OFF);
    }
    if (bits & ~(uint32_t)WANT_LOOK || is_due)
        announce_publish();
}

static void work(void)
{
    int running = PHASE_RUNNING;
    do {
        atomic_store(&phase, PHASE_RUNNING);
        work_once();
        running = PHASE_RUNNING;
    } while (!atomic_compare_exchange_strong(&phase, &running, PHASE_IDLE));
}

static void want(uint32_t bit)
{
    atomic_fetch_or(&wanted, bit);
    int now = PHASE_IDLE;
    if (!atomic_compare_exchange_strong(&phase, &now, PHASE_RUNNING)) {
        if (bit != WANT_LOOK)
            HEALTH(snapshots_busy);
        now = PHASE_RUNNING;
        if (atomic_compare_exchange_strong(&phase, &now, PHASE_AGAIN) || now == PHASE_AGAIN)
            return;
        if (now != PHASE_IDLE || !atomic_compare_exchange_strong(&phase, &now, PHASE_RUNNING))
            return; /* another request was faster, after our bit was set */
    }
    /* The last task may still be on its way out. */
    if (!reporter_wait(HANDOVER_NS) || !reporter_run(work, -1))
        atomic_store(&phase, PHASE_IDLE);
}

void snapshot_request(int number, bool reaches)
{
    atomic_store(&requested_by, number);
    atomic_store(&requester, (uint32_t)sys_gettid());
    want(reaches ? WANT_DUMP | WANT_REACH : WANT_DUMP);
}

const char *snapshot_now(void)
{
    snapshot_request(0, false);
    return reporter_wait(NOW_NS) ? dump_path() : "";
}

void snapshot_announce(void)
{
    want(WANT_ANNOUNCEMENT);
}

void snapshot_look(void)
{
    atomic_store(&requester, (uint32_t)sys_gettid());
    want(WANT_LOOK);
}

void snapshot_switch_off(void)
{
    want(WANT_OFF);
}

void snapshot_settle(void)
{
    if (reporter_is_at_home())
        reach_hurry();
    if (reporter_is_at_home() && !reporter_wait(SETTLE_NS))
        HEALTH(reporter_waits_expired);
}

void snapshot_forked(void)
{
    atomic_store(&phase, PHASE_IDLE);
    atomic_store(&wanted, 0);
}
