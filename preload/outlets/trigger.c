/* SPDX-License-Identifier: MIT */
#include "preload/outlets/trigger.h"

#include <signal.h>

#include "preload/facts/signals.h"
#include "preload/facts/waiting.h"
#include "preload/ground/config.h"
#include "preload/ground/sys.h"
#include "preload/outlets/announce.h"
#include "preload/outlets/reach_threads.h"
#include "preload/outlets/reporter.h"
#include "preload/outlets/snapshot.h"

#define SECOND_BELOW_MAX 7  /* SIGRTMAX-7: for programs that use SIGUSR1 themselves */
#define RT_MAX           64 /* the kernel's; SIGRTMAX is a call into libc */

/* Keeps errno: nothing here sets it. In a vfork child the memory is the
 * parent's: nothing is touched but what holds for both. */
static void on_trigger(int number, siginfo_t *info, void *ucontext)
{
    signals_request_came();
    if (!reporter_is_at_home())
        return;
    waiting_interrupted(ucontext);
    switch (info->si_code == SI_QUEUE ? info->si_value.sival_int : 0) {
    case TRIGGER_MARK:
        /* By the clock of the books, and behind its present tick: what came
         * before is then before, and `ctxtrace mark` sits the tick out. */
        announce_set_mark(clock_since_ns() + 1);
        snapshot_announce();
        return;
    case TRIGGER_STOP:
        if (info->si_pid == sys_getpid())
            threads_stop_here(ucontext);
        return;
    case TRIGGER_OFF:
        snapshot_switch_off();
        return;
    case TRIGGER_REACH:
        snapshot_request(number, true);
        return;
    default:
        snapshot_request(number, false);
    }
}

void trigger_start(void)
{
    const unsigned long flags = SA_RESTART | SA_ONSTACK;
    int first = config.signal ? config.signal : SIGUSR1;
    int second = config.signal ? 0 : RT_MAX - SECOND_BELOW_MAX;
    signals_claim(first, on_trigger, flags);
    if (second)
        signals_claim(second, on_trigger, flags);
    announce_signals(first, second);
    signals_requests_by(SIGNAL_BIT(first) | (second ? SIGNAL_BIT(second) : 0));
}
