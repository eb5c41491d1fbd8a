/* SPDX-License-Identifier: MIT */
#include "preload/books/mishap.h"

#include "preload/facts/task.h"
#include "preload/ground/guard.h"
#include "preload/ground/health.h"
#include "preload/ground/mirror.h"
#include "preload/ground/notify.h"
#include "preload/ground/sys.h"

static struct mishap table[MISHAP_MAX];
static _Atomic uint32_t used;

static bool is_same(const struct ctt_mishap *a, const struct ctt_mishap *b)
{
    return a->id == b->id && a->stack == b->stack && a->released_stack == b->released_stack &&
           a->acquired_stack == b->acquired_stack && a->error == b->error;
}

static struct mishap *find(const struct ctt_mishap *fact)
{
    uint32_t count = atomic_load(&used);
    for (uint32_t i = 0; i < count && i < MISHAP_MAX; i++)
        if (atomic_load_explicit(&table[i].ready, memory_order_acquire) &&
            is_same(&table[i].fact, fact))
            return &table[i];
    return NULL;
}

/* The record's row of the state file. */
static void mirror(const struct mishap *m)
{
    uint32_t i = (uint32_t)(m - table);
    struct ctt_mishap fact;
    if (!mirror_is_on())
        return;
    if (!mishap_read(i, &fact) || !fact.id) {
        mirror_clear(STATE_MISHAP, i);
        return;
    }
    struct state_mishap *row = mirror_open(STATE_MISHAP, i);
    if (!row)
        return;
    row->fact = fact;
    mirror_close(row, 1);
}

void mishaps_mirror(void)
{
    uint32_t count = atomic_load(&used);
    for (uint32_t i = 0; i < count && i < MISHAP_MAX; i++)
        mirror(&table[i]);
}

void mishap_note(struct ctt_mishap fact)
{
    uint64_t now = clock_since_ns();
    struct mishap *m = find(&fact);
    bool is_new = false;
    if (!m) {
        /* Two threads may enter the same mishap at once: two records, which
         * the report adds up. */
        uint32_t i = atomic_fetch_add(&used, 1);
        if (i >= MISHAP_MAX) {
            HEALTH(mishaps_dropped);
            return;
        }
        m = &table[i];
        fact.task = task_self();
        if (!fact.context)
            fact.context = self.context;
        fact.first_ns = now;
        fact.tasks = task_slots() - 1;
        m->fact = fact;
        atomic_store_explicit(&m->ready, 1, memory_order_release);
        is_new = true;
    }
    atomic_fetch_add_explicit(&m->count, 1, memory_order_relaxed);
    atomic_store_explicit(&m->last_ns, now, memory_order_relaxed);
    atomic_store_explicit(&m->last_handle, fact.handle, memory_order_relaxed);
    mirror(m);
    if (is_new)
        NOTIFY(occasion, true);
}

uint32_t mishap_count(void)
{
    uint32_t count = atomic_load(&used), found = 0;
    for (uint32_t i = 0; i < count && i < MISHAP_MAX; i++)
        found += atomic_load_explicit(&table[i].ready, memory_order_relaxed) &&
                 table[i].fact.id != CTT_MISHAP_FAILED_CLOSE &&
                 atomic_load_explicit(&table[i].count, memory_order_relaxed);
    return found;
}

/* The record stays, as an empty one that readers skip: nothing moves in this
 * table while others read it. */
void mishap_withdraw(enum ctt_mishap_id id, uint32_t stack)
{
    uint32_t count = atomic_load(&used);
    for (uint32_t i = 0; i < count && i < MISHAP_MAX; i++)
        if (atomic_load_explicit(&table[i].ready, memory_order_acquire) && table[i].fact.id == id &&
            table[i].fact.stack == stack) {
            atomic_store_explicit(&table[i].ready, 0, memory_order_release);
            mirror(&table[i]);
        }
}

/* The record is found again for the next. */
void mishap_take_back(struct ctt_mishap fact)
{
    struct mishap *m = find(&fact);
    uint64_t count = m ? atomic_load(&m->count) : 0;
    while (count && !atomic_compare_exchange_weak(&m->count, &count, count - 1))
        continue;
    if (m)
        mirror(m);
}

void mishaps_forget(void)
{
    uint32_t count = atomic_load(&used);
    for (uint32_t i = 0; i < count && i < MISHAP_MAX; i++) {
        atomic_store(&table[i].ready, 0);
        atomic_store(&table[i].count, 0);
    }
    atomic_store(&used, 0);
}

bool mishap_read(uint32_t i, struct ctt_mishap *ret_fact)
{
    uint32_t count = atomic_load(&used);
    if (i >= count || i >= MISHAP_MAX)
        return false;
    struct mishap *m = &table[i];
    if (!atomic_load_explicit(&m->ready, memory_order_acquire) || !atomic_load(&m->count)) {
        /* Being entered right now, or taken back: an empty record, which readers skip. */
        *ret_fact = (struct ctt_mishap){.id = 0};
        return true;
    }
    *ret_fact = m->fact;
    ret_fact->count = atomic_load_explicit(&m->count, memory_order_relaxed);
    ret_fact->last_ns = atomic_load_explicit(&m->last_ns, memory_order_relaxed);
    ret_fact->handle = atomic_load_explicit(&m->last_handle, memory_order_relaxed);
    return true;
}
