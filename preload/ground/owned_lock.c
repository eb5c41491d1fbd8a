/* SPDX-License-Identifier: MIT */
#include "preload/ground/owned_lock.h"

#include <errno.h>
#include <sys/syscall.h>
#include <time.h>

#include "preload/ground/guard.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"

#define SPINS_BETWEEN_PAUSES 200u
#define PAUSE_NS             100000
#define PATIENCE_NS          UINT64_C(5000000000)

static uint32_t my_tid(void)
{
    /* In the child of a raw fork it is the parent's, which does as well: there
     * is no other thread. */
    return self.tid ? self.tid : (uint32_t)sys_gettid();
}

/* A raw fork leaves a child in which the holder does not exist: what it held
 * is half-changed for ever. */
static bool is_abandoned(uint32_t holder)
{
    return sys_call(SYS_tgkill, sys_getpid(), holder, 0, 0, 0, 0) == -ESRCH;
}

/* Waits a little; false when there is nothing to wait for. */
static bool is_worth_waiting(uint32_t holder, uint64_t *since_ns)
{
    uint64_t now = clock_fine_ns();
    if (!*since_ns)
        *since_ns = now;
    if (is_abandoned(holder) || now - *since_ns > PATIENCE_NS)
        return false;
    struct timespec pause = {0, PAUSE_NS};
    sys_call(SYS_nanosleep, (long)&pause, 0, 0, 0, 0, 0);
    return true;
}

/* False: the holder is this very thread, or is gone, or did not let go in seconds. */
bool owned_lock(struct owned_lock *lock)
{
    uint32_t me = my_tid();
    uint64_t since_ns = 0;
    for (uint32_t tries = 1;; tries++) {
        uint32_t holder = 0;
        if (atomic_compare_exchange_strong_explicit(&lock->owner, &holder, me, memory_order_acquire,
                                                    memory_order_relaxed))
            return true;
        if (holder == me)
            break;
        if (tries % SPINS_BETWEEN_PAUSES == 0 && !is_worth_waiting(holder, &since_ns))
            break;
    }
    HEALTH(books_contended);
    return false;
}
