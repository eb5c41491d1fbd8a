/* SPDX-License-Identifier: MIT */
#include "preload/facts/departure.h"

#include <stdatomic.h>

#include "preload/facts/module.h"
#include "preload/facts/unwind_walk.h"
#include "preload/ground/guard.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"

#define SLOTS      64u /* threads that depart at once; all but one wait for it */
#define READ_TRIES 1000
#define DEPTH      64u /* frames of libc around an exit: half a dozen are usual */

/* `tid` claims it; `sequence` is odd while its owner writes. */
static struct slot {
    _Atomic uint32_t tid, sequence;
    uint32_t count; /* of [0] and [1] */
    struct departure last[2];
} slots[SLOTS];

static _Atomic uintptr_t main_sp;

static struct slot *slot_of(uint32_t tid)
{
    for (unsigned i = 0; i < SLOTS; i++)
        if (atomic_load_explicit(&slots[i].tid, memory_order_acquire) == tid)
            return &slots[i];
    return NULL;
}

static struct slot *slot_claim(uint32_t tid)
{
    struct slot *mine = slot_of(tid);
    for (unsigned i = 0; !mine && i < SLOTS; i++) {
        uint32_t nobody = 0;
        if (atomic_compare_exchange_strong(&slots[i].tid, &nobody, tid))
            mine = &slots[i];
    }
    return mine;
}

/* A handler that departs in the middle of its own thread's writing finds the number odd,
 * and leaves it even: what it interrupted is not gone on with. */
static void slot_write_begin(struct slot *slot)
{
    uint32_t now = atomic_load_explicit(&slot->sequence, memory_order_relaxed);
    atomic_store_explicit(&slot->sequence, now | 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
}

static void slot_write_end(struct slot *slot)
{
    uint32_t now = atomic_load_explicit(&slot->sequence, memory_order_relaxed);
    atomic_store_explicit(&slot->sequence, now + 1, memory_order_release);
}

void departure_note(const struct departure *departure)
{
    struct slot *slot = slot_claim(departure->tid);
    if (!slot) {
        HEALTH(departures_dropped);
        return;
    }
    slot_write_begin(slot);
    if (slot->count)
        slot->last[1] = slot->last[0];
    slot->last[0] = *departure;
    slot->count = slot->count ? 2 : 1;
    slot_write_end(slot);
}

void departure_forget(void)
{
    struct slot *slot = slot_of(self.tid ? self.tid : (uint32_t)sys_gettid());
    if (!slot)
        return;
    slot_write_begin(slot);
    slot->last[0] = slot->last[1];
    bool is_free = slot->count <= 1;
    slot->count = is_free ? 0 : 1;
    slot_write_end(slot);
    if (is_free)
        atomic_store_explicit(&slot->tid, 0, memory_order_release);
}

bool departure_read(uint32_t tid, struct departure *ret_departure)
{
    struct slot *slot = tid ? slot_of(tid) : NULL;
    for (int tries = 0; slot && tries < READ_TRIES; tries++) {
        uint32_t before = atomic_load_explicit(&slot->sequence, memory_order_acquire);
        uint32_t count = slot->count;
        struct departure copy = slot->last[0];
        atomic_thread_fence(memory_order_acquire);
        if (before & 1 || atomic_load_explicit(&slot->sequence, memory_order_relaxed) != before)
            continue;
        if (!count || copy.tid != tid)
            return false;
        *ret_departure = copy;
        return true;
    }
    return false;
}

/* A fork from an exit function: the child's only thread has departed as well. */
void departure_forked(uint32_t tid)
{
    uint32_t now = (uint32_t)sys_gettid();
    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot *slot = &slots[i];
        bool is_mine = tid && atomic_load(&slot->tid) == tid;
        if (!is_mine)
            slot->count = 0;
        slot->last[0].tid = slot->last[1].tid = now;
        atomic_store(&slot->sequence, 0);
        atomic_store(&slot->tid, is_mine ? now : 0);
    }
}

/* ---- without a hook ---- */

void departure_main_begins(uintptr_t sp)
{
    atomic_store(&main_sp, sp);
}

uintptr_t departure_main_sp(void)
{
    return atomic_load(&main_sp);
}

/* libc is who calls an exit function; our own frame is that of __libc_start_main. */
static bool is_of_program(uint32_t module, uint32_t libc)
{
    return module != libc && module != module_at((uintptr_t)departure_by_return);
}

/* A frame at a time: it may be asked on a signal stack. */
bool departure_by_return(const struct call_site *from, uintptr_t *ret_sp)
{
    struct walk walk;
    enum ctt_cut cut = CTT_CUT_DEPTH;
    uintptr_t main = departure_main_sp();
    uint32_t libc = 0;
    *ret_sp = from->sp;
    walk_begin(&walk, from);
    for (unsigned depth = 0; depth < DEPTH && cut == CTT_CUT_DEPTH; depth++) {
        uintptr_t sp = walk.sp;
        uint64_t pc;
        if (from->sp < main && sp >= main) {
            *ret_sp = main;
            return true;
        }
        if (walk_on(&walk, &pc, NULL, 1, &cut) != 1)
            return false;
        if (depth == 0)
            libc = CTT_PC_MODULE(pc);
        if (is_of_program(CTT_PC_MODULE(pc), libc))
            return false;
        if (cut == CTT_CUT_NONE) { /* a thread's outermost frame is libc's own */
            *ret_sp = sp;
            return true;
        }
    }
    return false;
}
