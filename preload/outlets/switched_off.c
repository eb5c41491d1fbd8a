/* SPDX-License-Identifier: MIT */
#include "preload/outlets/switched_off.h"

#include <stdatomic.h>

#include "preload/format.h"
#include "preload/ground/guard.h"
#include "preload/ground/sample.h"
#include "preload/ground/sys.h"

static _Atomic uint64_t since_ns = CTT_NEVER;

/* The time first: whoever finds the state off may ask since when. A process
 * that is in its last report or in exec keeps its state; if the exec fails,
 * switch_back sees the time. */
void switch_off(void)
{
    uint64_t never = CTT_NEVER;
    atomic_compare_exchange_strong(&since_ns, &never, clock_since_ns());
    int state = atomic_load(&tracker_state);
    while ((state == TRACKER_ON || state == TRACKER_EARLY) &&
           !atomic_compare_exchange_weak(&tracker_state, &state, TRACKER_OFF))
        ;
    sample_stop();
}

bool is_switched_off(void)
{
    return switched_off_ns() != CTT_NEVER;
}

uint64_t switched_off_ns(void)
{
    return atomic_load(&since_ns);
}

void switch_back(void)
{
    int reported = TRACKER_REPORTED;
    atomic_compare_exchange_strong(&tracker_state, &reported, TRACKER_ON);
    if (is_switched_off())
        switch_off();
}

void switched_off_forked(void)
{
    atomic_store(&since_ns, CTT_NEVER);
}
