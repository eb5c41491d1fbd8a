/* SPDX-License-Identifier: MIT */
#include "preload/outlets/automatic.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "preload/books/fdtable.h"
#include "preload/books/mishap.h"
#include "preload/ground/config.h"
#include "preload/ground/notify.h"
#include "preload/ground/memory_bound.h"
#include "preload/ground/sys.h"
#include "preload/outlets/reporter.h"
#include "preload/outlets/snapshot.h"
#include "preload/outlets/state.h"

#define LOOK_NS UINT64_C(1000000000)

static _Atomic uint64_t next_look_ns;

/* What is met next; written by the reporter's one task alone. */
static struct {
    uint64_t fd, rss, mishaps; /* at least so much */
    uint64_t every_ns;         /* since the tracker's zero */
} next;
static char cause[96];

/* ---- how much there is, and may be ---- */

static uint64_t fd_bound(void)
{
    struct rlimit limit;
    if (sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit, 0, 0) < 0 ||
        limit.rlim_cur == RLIM_INFINITY)
        return UINT64_MAX;
    return limit.rlim_cur;
}

/* ---- conditions ---- */

static bool told(struct dump_request *request, enum ctt_trigger trigger, const char *what,
                 uint64_t used, uint64_t bound)
{
    struct text text = TEXT_OF(cause);
    cause[0] = '\0';
    text_add(&text, what);
    if (used)
        text_add_u64(&text, used);
    if (used && bound != UINT64_MAX) {
        text_add(&text, " of ");
        text_add_u64(&text, bound);
    }
    request->trigger = trigger;
    request->cause = cause;
    return true;
}

/* The first time at the share that was asked for, then at twice what it was. */
static bool share_is_met(const struct share *share, uint64_t used, uint64_t bound, uint64_t *met)
{
    uint64_t least = *met ? *met : share_of(share, bound);
    if (used < least)
        return false;
    *met = used > UINT64_MAX / 2 ? UINT64_MAX : used * 2;
    return true;
}

static bool is_met_fd(struct dump_request *request)
{
    uint64_t used = fd_live(), bound = fd_bound();
    return config.automatic.fd.amount &&
           share_is_met(&config.automatic.fd, used, bound, &next.fd) &&
           told(request, CTT_TRIGGER_LIMIT, "descriptors: ", used, bound);
}

static bool is_met_rss(struct dump_request *request)
{
    if (!config.automatic.rss.amount)
        return false;
    uint64_t used = memory_resident(), bound = memory_bound();
    return share_is_met(&config.automatic.rss, used, bound, &next.rss) &&
           told(request, CTT_TRIGGER_LIMIT, "resident bytes: ", used, bound);
}

static bool is_met_mishap(struct dump_request *request)
{
    uint64_t count = mishap_count();
    if (!config.automatic.mishap || count < (next.mishaps ? next.mishaps : 1))
        return false;
    next.mishaps = count * 2;
    return told(request, CTT_TRIGGER_LIMIT, "mishaps: ", count, UINT64_MAX);
}

static bool is_met_time(struct dump_request *request)
{
    uint64_t now = clock_since_ns();
    if (!config.automatic.every_ns || now < next.every_ns)
        return false;
    next.every_ns = now + config.automatic.every_ns;
    return told(request, CTT_TRIGGER_PERIODIC, "time has passed", 0, UINT64_MAX);
}

/* All are asked, so that one snapshot serves those that are met together. */
bool automatic_is_due(struct dump_request *ret_request)
{
    bool is_due = is_met_time(ret_request);
    is_due |= is_met_mishap(ret_request);
    is_due |= is_met_rss(ret_request);
    is_due |= is_met_fd(ret_request);
    return is_due;
}

static bool has_conditions(void)
{
    const struct conditions *wanted = &config.automatic;
    return wanted->fd.amount || wanted->rss.amount || wanted->every_ns || wanted->mishap;
}

static bool is_time_to_look(bool is_urgent)
{
    uint64_t now = clock_coarse_ns(),
             due = atomic_load_explicit(&next_look_ns, memory_order_relaxed);
    if (!has_conditions() || (now < due && !is_urgent))
        return false;
    return atomic_compare_exchange_strong(&next_look_ns, &due, now + LOOK_NS) || is_urgent;
}

/* Without descriptors of its own the reporter's questions would take the
 * program's, once a second. */
static void on_occasion(bool is_urgent)
{
    if ((is_time_to_look(is_urgent) || state_is_due()) && reporter_is_at_home())
        snapshot_look();
}

void automatic_start(void)
{
    if (!has_conditions() && !*config.state)
        return;
    next.every_ns = clock_since_ns() + config.automatic.every_ns;
    notify.occasion = on_occasion;
}

void automatic_forked(void)
{
    memset(&next, 0, sizeof next);
    next.every_ns = clock_since_ns() + config.automatic.every_ns;
    atomic_store(&next_look_ns, 0);
}
