/* SPDX-License-Identifier: MIT */
/* Contexts come and go by the million in a bounded table, and no holding ever
 * names another's context. The source of the contexts is this file's: it makes,
 * enters, ends and drops them as libctx will. hazard: E1, E16, D13 */
#include "tests/unit/tracker/unit.h"

#include <stdatomic.h>
#include <inttypes.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/books/fdtable.h"
#include "preload/books/keytable.h"
#include "preload/books/ledger.h"
#include "preload/books/mishap.h"
#include "preload/books/sweep.h"
#include "preload/facts/context.h"
#include "preload/facts/task.h"
#include "preload/ground/arena.h"
#include "preload/ground/guard.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"

/* More than a sweep lets pass until the next one, in these small books. */
#define SWEEP_PERIOD 40000u

static uint32_t scope_new(uint32_t parent, uint32_t stamp)
{
    sweep_if_due();
    return context_new(CTT_CONTEXT_SCOPE, parent, stamp, "a scope");
}

static void scope_over(uint32_t id)
{
    context_end(id, CTT_STATE_OK, 0);
    context_drop(id);
}

static void scopes_pass(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        scope_over(scope_new(CONTEXT_PROCESS, 1));
}

/* Until `sweeps` more have been made. False: they do not come, although every
 * slot was used in between. */
static bool sweeps_come(uint64_t sweeps)
{
    uint64_t until = health_counts[HEALTH_context_sweeps] + sweeps;
    uint64_t patience = sweeps * (SWEEP_PERIOD + context_slots());
    while (health_counts[HEALTH_context_sweeps] < until && patience-- > 0)
        scopes_pass(1);
    return health_counts[HEALTH_context_sweeps] >= until;
}

static void sweeps_pass(uint64_t sweeps)
{
    assert_true(sweeps_come(sweeps));
}

static bool exists(uint32_t id)
{
    struct context_copy copy;
    return context_read(id, &copy) && copy.id == id;
}

/* ---- what keeps a context ---- */

#define AN_ADDRESS UINT64_C(0x7f1200001000)
#define A_FD       77

static void block_of(uint32_t id)
{
    struct block block = {.address = AN_ADDRESS, .bytes = 1, .context = id};
    ledger_add(&block);
}
static void no_block(uint32_t id)
{
    struct block was;
    assert_true(ledger_take(AN_ADDRESS, &was));
    assert_int_equal(was.context, id);
}

static struct holding_copy holding_in(enum ctt_kind_id kind, uint64_t handle, uint32_t id)
{
    uint32_t before = task_enter(id);
    struct holding_copy holding = holding_now(kind, DETAIL_NONE, handle, 1);
    task_enter(before);
    return holding;
}
static void fd_of(uint32_t id)
{
    struct holding_copy holding = holding_in(CTT_KIND_FD, A_FD, id);
    fd_enter(A_FD, &holding);
}
static void no_fd(uint32_t id)
{
    struct holding_copy was;
    assert_true(fd_take(A_FD, 1, &was));
    assert_int_equal(was.context, id);
}
static void stream_of(uint32_t id)
{
    struct holding_copy holding = holding_in(CTT_KIND_STREAM, AN_ADDRESS, id);
    assert_false(key_enter(&holding));
}
static void no_stream(uint32_t id)
{
    struct holding_copy was;
    assert_true(key_take(CTT_KIND_STREAM, AN_ADDRESS, &was));
    assert_int_equal(was.context, id);
}
static void mishap_of(uint32_t id)
{
    uint32_t before = task_enter(id);
    mishap_note((struct ctt_mishap){.id = CTT_MISHAP_LIMIT, .stack = 1});
    task_enter(before);
}
static void no_mishap(uint32_t id)
{
    (void)id;
    mishaps_forget();
}

/* Another thread is in it, and is seen by what its task says. */
static uint32_t other_task;
static void thread_in(uint32_t id)
{
    other_task = task_new(1, 0);
    atomic_store(&task_get(other_task)->active, id);
}
static void no_thread(uint32_t id)
{
    (void)id;
    task_drop(other_task);
}

static uint32_t child;
static void child_of(uint32_t id)
{
    child = scope_new(id, 1);
}
static void no_child(uint32_t id)
{
    (void)id;
    scope_over(child);
}

static const struct way {
    const char *name;
    void (*name_it)(uint32_t id);
    void (*let_go)(uint32_t id);
} ways[] = {
    {"block", block_of, no_block},    {"descriptor", fd_of, no_fd},
    {"stream", stream_of, no_stream}, {"mishap", mishap_of, no_mishap},
    {"thread", thread_in, no_thread}, {"child", child_of, no_child},
};

static void what_is_named_stays(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        uint32_t id = scope_new(CONTEXT_PROCESS, 4711);
        ways[i].name_it(id);
        scope_over(id);
        sweeps_pass(4);
        struct context_copy copy;
        if (!context_read(id, &copy))
            fail_msg("a context named by a %s has gone", ways[i].name);
        assert_int_equal(copy.created_stack, 4711);
        ways[i].let_go(id);
        sweeps_pass(3);
        if (exists(id))
            fail_msg("a context stays after its %s", ways[i].name);
    }
}

static void ancestors_stay(void **state)
{
    (void)state;
    uint32_t first = scope_new(CONTEXT_PROCESS, 1), last = first, chain[100];
    for (int i = 0; i < 100; i++)
        last = chain[i] = scope_new(last, 1);
    block_of(last);
    for (int i = 0; i < 100; i++)
        scope_over(chain[i]);
    scope_over(first);
    sweeps_pass(4);
    assert_true(exists(first));
    no_block(last);
    sweeps_pass(3);
    assert_false(exists(first)); /* all at once, and not one level a sweep */
    assert_false(exists(last));
}

static void what_its_source_keeps_stays(void **state)
{
    (void)state;
    uint32_t id = scope_new(CONTEXT_PROCESS, 1);
    context_end(id, CTT_STATE_OK, 0);
    sweeps_pass(4);
    assert_true(exists(id));
    context_drop(id);
    sweeps_pass(1);
    assert_true(exists(id)); /* it may have been in motion just now */
    sweeps_pass(2);
    assert_false(exists(id));
}

/* ---- ids ---- */

static void an_old_id_names_nothing(void **state)
{
    (void)state;
    uint32_t old = scope_new(CONTEXT_PROCESS, 1);
    scope_over(old);
    sweeps_pass(3);
    uint32_t young = 0;
    for (uint32_t i = 0; i < SWEEP_PERIOD && CONTEXT_SLOT(young) != CONTEXT_SLOT(old); i++) {
        scope_over(young);
        young = scope_new(CONTEXT_PROCESS, 2);
    }
    assert_int_equal(CONTEXT_SLOT(young), CONTEXT_SLOT(old));
    assert_int_not_equal(young, old);
    assert_null(context_get(old));
    assert_false(exists(old));
    context_end(old, CTT_STATE_ERROR, 0);
    context_drop(old);
    assert_int_equal(context_get(young)->state, CTT_STATE_ACTIVE);
    /* An entry that was out during two sweeps, and is put back with the old id:
     * the slot is not used once more while it is there. */
    block_of(old);
    scope_over(young);
    sweeps_pass(4);
    assert_true(exists(young));
    no_block(old);
    sweeps_pass(3);
    assert_false(exists(young));
}

static void a_snapshot_holds_the_sweep(void **state)
{
    (void)state;
    uint64_t before = health_counts[HEALTH_context_sweeps];
    sweep_hold();
    assert_false(sweeps_come(2));
    assert_int_equal(health_counts[HEALTH_context_sweeps], before);
    sweep_let_go();
    sweeps_pass(3);
}

/* ---- ten million ---- */

#ifdef __SANITIZE_THREAD__
#define MANY  1000000u
#define FORKS 4
#else
#define MANY  10000000u
#define FORKS 20
#endif
#define EVERY 1000u /* holds a block until KEEP others have been made */
#define KEEP  64u

static void ten_million_fit(void **state)
{
    (void)state;
    uint32_t kept[KEEP] = {0};
    uint64_t made = health_counts[HEALTH_contexts_made];
    uint64_t ended = health_counts[HEALTH_contexts_ended];
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t id = scope_new(CONTEXT_PROCESS, i + 1);
        if (i % EVERY == 0) {
            uint32_t *place = &kept[i / EVERY % KEEP];
            uintptr_t address = AN_ADDRESS + (uintptr_t)(place - kept) * 64;
            struct block block = {.address = address, .bytes = i + 1, .context = id}, was;
            if (*place) {
                struct context_copy copy;
                assert_true(ledger_take(address, &was));
                assert_true(context_read(was.context, &copy));
                assert_int_equal(copy.created_stack, was.bytes);
                assert_int_equal(was.context, *place);
            }
            ledger_add(&block);
            *place = id;
        }
        scope_over(id);
    }
    struct block was;
    for (uint32_t i = 0; i < KEEP; i++)
        assert_true(ledger_take(AN_ADDRESS + i * 64, &was));
    assert_int_equal(health_counts[HEALTH_contexts_made] - made, MANY);
    assert_int_equal(health_counts[HEALTH_contexts_ended] - ended, MANY);
    assert_int_equal(health_counts[HEALTH_contexts_dropped], 0);
    print_message("%u slots, %" PRIu64 " sweeps\n", context_slots(),
                  (uint64_t)health_counts[HEALTH_context_sweeps]);
    assert_true(context_slots() < 8 * SWEEP_PERIOD);
}

/* ---- threads ---- */

#define WORKERS 4
#define TURNS   60000u
#define HELD    16u
static _Atomic uint64_t wrong, looked;
static _Atomic int busy;

static uintptr_t place_of(intptr_t worker, uint32_t i)
{
    return UINT64_C(0x7f3000000000) + ((uintptr_t)worker << 32) + (uintptr_t)(i % HELD) * 64;
}

/* Makes contexts, holds a block for some time by each of them, and gives back
 * those of its neighbour too; beyond its turns for as long as nobody has looked: on
 * a busy machine all turns may be over before the one who looks has begun. */
static void *make_end_and_hold(void *arg)
{
    intptr_t me = (intptr_t)arg;
    uint32_t task = task_new(1, 0);
    task_start(task);
    for (uint32_t i = 0; i < TURNS || !atomic_load(&looked); i++) {
        uint32_t stamp = (uint32_t)me << 24 | (i + 1);
        uint32_t id = scope_new(self.context, stamp);
        uint32_t before = task_enter(id);
        struct block was, block = {.address = place_of(me, i), .bytes = stamp, .context = id};
        ledger_take(block.address, &was);
        ledger_add(&block);
        task_enter(before);
        scope_over(id);
        ledger_take(place_of((me + 1) % WORKERS, i * 7), &was);
    }
    task_end(CTT_STATE_OK, 0);
    task_drop(task);
    self.task = 0;
    atomic_fetch_sub(&busy, 1);
    return NULL;
}

/* What a snapshot does: every block's context is the one it was acquired in, and
 * has gone only if the block has. */
static void look(const struct block *block, void *unused)
{
    (void)unused;
    struct context_copy copy;
    struct block now;
    atomic_fetch_add(&looked, 1);
    if (context_read(block->context, &copy)) {
        if (copy.created_stack != block->bytes)
            atomic_fetch_add(&wrong, 1);
    } else if (ledger_take(block->address, &now)) {
        if (now.context == block->context)
            atomic_fetch_add(&wrong, 1);
    }
}

static void *work_or_look(void *arg)
{
    if ((intptr_t)arg < WORKERS)
        return make_end_and_hold(arg);
    while (atomic_load(&busy) > 0)
        ledger_scan(look, NULL);
    return NULL;
}

static void threads_never_blame_another(void **state)
{
    (void)state;
    atomic_store(&busy, WORKERS);
    uint64_t reclaimed = health_counts[HEALTH_contexts_reclaimed];
    in_threads(WORKERS + 1, work_or_look);
    assert_int_equal(wrong, 0);
    assert_true(looked > 0);
    assert_true(health_counts[HEALTH_contexts_reclaimed] > reclaimed + WORKERS * TURNS / 4);
    struct block was;
    for (uint32_t i = 0; i < WORKERS * HELD; i++)
        ledger_take(place_of(i / HELD, i), &was);
}

/* ---- fork ---- */

static void *keep_sweeping(void *arg)
{
    (void)arg;
    while (atomic_load(&busy) > 0)
        scopes_pass(100);
    return NULL;
}

/* What the tracker's fork handler does, and then whether sweeps go on. */
static void live_on_in_the_child(void)
{
    task_forked();
    sweep_forked();
    scopes_pass(5);
    bool counted = health_counts[HEALTH_contexts_made] == 5;
    uint64_t reclaimed = health_counts[HEALTH_contexts_reclaimed];
    bool swept = sweeps_come(3) && health_counts[HEALTH_contexts_reclaimed] > reclaimed;
    _exit(swept && counted ? 0 : 1);
}

static void *fork_often(void *arg)
{
    if ((intptr_t)arg != 0)
        return keep_sweeping(arg);
    for (int i = 0; i < FORKS; i++) {
        pid_t pid = fork();
        if (pid == 0)
            live_on_in_the_child();
        int status = -1;
        waitpid(pid, &status, 0);
        if (status != 0)
            atomic_fetch_add(&wrong, 1);
    }
    atomic_store(&busy, 0);
    return NULL;
}

static void a_child_sweeps_too(void **state)
{
    (void)state;
    atomic_store(&busy, 1);
    atomic_store(&wrong, 0);
    in_threads(3, fork_often);
    assert_int_equal(wrong, 0);
}

/* ---- no room ---- */

/* Last: nothing can be mapped after it. */
static void without_room_the_creator_stays_unharmed(void **state)
{
    (void)state;
    arena_limit(arena_mapped());
    uint32_t mine = scope_new(CONTEXT_PROCESS, 1);
    while (!context_none_free() || context_new(CTT_CONTEXT_SCOPE, mine, 1, NULL) != CONTEXT_NONE)
        context_new(CTT_CONTEXT_SCOPE, mine, 1, NULL);
    assert_true(health_counts[HEALTH_contexts_dropped] > 0);
    uint32_t before = task_enter(mine);
    uint32_t task = task_new(1, 0);
    task_enter(before);
    assert_int_equal(task_get(task)->context, mine);
    uint32_t myself = self.task;
    task_start(task);
    assert_int_equal(self.context, mine);
    task_end(CTT_STATE_OK, CTT_CONTEXT_QUIT);
    task_drop(task);
    self.task = myself;
    assert_int_equal(context_get(mine)->state, CTT_STATE_ACTIVE);
    assert_int_equal(context_get(mine)->flags, 0);
    assert_int_equal(context_get(mine)->kept, 1);
}

int main(void)
{
    clock_begin();
    context_begin();
    task_self();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_named_stays),
        cmocka_unit_test(ancestors_stay),
        cmocka_unit_test(what_its_source_keeps_stays),
        cmocka_unit_test(an_old_id_names_nothing),
        cmocka_unit_test(ten_million_fit),
        cmocka_unit_test(threads_never_blame_another),
        cmocka_unit_test(a_child_sweeps_too),
        cmocka_unit_test(a_snapshot_holds_the_sweep),
        cmocka_unit_test(without_room_the_creator_stays_unharmed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
