/* SPDX-License-Identifier: MIT */
/* Jobs, kinds of the program's own, what depends on what, and hints. */
#include "unit.h"

#include <pthread.h>
#include <string.h>

#include "preload/books/dependency.h"
#include "preload/books/keytable.h"
#include "preload/books/mishap.h"
#include "preload/books/own_kinds.h"
#include "preload/books/touches.h"
#include "preload/facts/context.h"
#include "preload/facts/job.h"
#include "preload/ground/health.h"

#define THREADS 4
#define ROUNDS  20000

static struct job_copy job_of(uint32_t id)
{
    struct job_copy job;
    for (uint32_t slot = 1; slot < job_slots(); slot++)
        if (job_read(slot, &job) && job.id == id)
            return job;
    return (struct job_copy){.id = 0};
}

static void jobs_come_and_go(void **state)
{
    uint32_t id =
        job_begin(CONTEXT_PROCESS, "a name that is longer than the thirty-one bytes", 7, 3);
    assert_true(id & CTT_TASK_DECLARED_ID);
    struct job_copy job = job_of(id);
    assert_string_equal(job.name, "a name that is longer than the ");
    assert_int_equal(job.context, CONTEXT_PROCESS);
    assert_int_equal(job.serves, 7);
    assert_int_equal(job.created_stack, 3);
    assert_int_equal(job.creator, task_self());
    assert_int_equal(job.entered_ns, 0);
    job_end(id);
    job_end(id); /* nothing more */
    assert_int_equal(job_of(id).id, 0);
    uint32_t next = job_begin(CONTEXT_PROCESS, "next", 0, 0);
    assert_int_not_equal(next, id); /* the same slot, another job */
    job_end(id);
    assert_int_equal(job_of(next).id, next);
    job_end(next);
}

static void jobs_nest(void **state)
{
    uint32_t outer = job_begin(CONTEXT_PROCESS, "outer", 0, 0), inner;
    assert_int_equal(job_enter(outer), 0);
    inner = job_begin(CONTEXT_PROCESS, "inner", 0, 0);
    assert_int_equal(job_of(inner).creator, outer);
    assert_int_equal(job_enter(inner), outer);
    assert_int_equal(job_of(outer).thread, task_self()); /* it is still in there */
    assert_int_equal(job_of(inner).thread, task_self());
    /* In the first tick of the clock, too, when that tells 0. */
    assert_int_not_equal(job_of(outer).entered_ns, 0);
    assert_int_not_equal(job_of(inner).entered_ns, 0);
    assert_int_equal(job_enter(outer), inner);
    assert_int_equal(job_of(outer).thread, task_self());
    assert_int_equal(job_of(inner).thread, 0);
    job_end(inner);
    assert_int_equal(job_enter(0), outer);
    assert_int_equal(job_of(outer).thread, 0);
    job_end(outer);
}

static void jobs_are_blocked(void **state)
{
    uint32_t id = job_begin(CONTEXT_PROCESS, "blocked", 0, 0);
    job_blocked(id, "waitgroup", 0x500);
    struct job_copy job = job_of(id);
    assert_string_equal(job.block.why, "waitgroup");
    assert_int_equal(job.block.object, 0x500);
    assert_true(job.block.since_ns > 0);
    job_blocked(id, NULL, 0);
    assert_int_equal(job_of(id).block.since_ns, 0);
    job_blocked(0, "a reason that is too long", 1); /* the thread itself */
    struct task_block_copy block;
    task_block_read(&task_get(task_self())->block, &block);
    assert_string_equal(block.why, "a reason that i");
    job_blocked(0, NULL, 0);
    job_end(id);
}

static void *make_jobs(void *unused)
{
    uint32_t held[8] = {0};
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t *place = &held[i % 8];
        job_end(*place);
        *place = job_begin(CONTEXT_PROCESS, "stress", i, 0);
        assert_int_not_equal(*place, 0);
        assert_int_equal(job_of(*place).serves, i);
    }
    for (unsigned i = 0; i < 8; i++)
        job_end(held[i]);
    return unused;
}

/* A job is one thread's until it ends, however many come and go beside it. */
static void jobs_from_many_threads(void **state)
{
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_jobs, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_true(job_slots() <= THREADS * 8 + 8); /* slots are used again */
}

static void kinds_have_names(void **state)
{
    uint32_t lease = own_kind("lease"), other = own_kind("transaction");
    assert_true(lease >= CTT_KIND_OWN_FIRST && other >= CTT_KIND_OWN_FIRST && lease != other);
    assert_int_equal(own_kind("lease"), lease);
    assert_string_equal(own_kind_name(other), "transaction");
    assert_int_equal(own_kind("socket"), 0); /* the tracker's */
    assert_int_equal(own_kind(""), 0);
    assert_int_equal(own_kind(NULL), 0);
    assert_null(own_kind_name(CTT_KIND_FD));
    assert_null(own_kind_name(CTT_KIND_OWN_FIRST + CTT_KIND_OWN_COUNT));
    char name[] = "kind 00";
    uint64_t dropped = health_counts[HEALTH_own_kinds_dropped];
    for (unsigned i = 0; i < CTT_KIND_OWN_COUNT; i++) {
        name[5] = (char)('0' + i / 10), name[6] = (char)('0' + i % 10);
        own_kind(name);
    }
    assert_int_equal(own_kinds(), CTT_KIND_OWN_COUNT);
    assert_int_equal(health_counts[HEALTH_own_kinds_dropped], dropped + 2);
}

static struct holding_copy enter(uint64_t handle)
{
    struct holding_copy holding = holding_now(CTT_KIND_OWN_FIRST, DETAIL_NONE, handle, 1);
    key_enter(&holding);
    assert_true(key_read(CTT_KIND_OWN_FIRST, handle, &holding));
    return holding;
}

static uint64_t orders(void)
{
    struct ctt_mishap fact;
    uint64_t count = 0;
    for (uint32_t i = 0; mishap_read(i, &fact); i++)
        if (fact.id == CTT_MISHAP_RELEASE_ORDER)
            count += fact.count;
    return count;
}

static void give_back(uint64_t handle)
{
    struct holding_copy was;
    assert_true(key_take(CTT_KIND_OWN_FIRST, handle, &was));
    dependency_check(&was, 9);
}

static void order_of_release(void **state)
{
    struct holding_copy connection = enter(1), transaction = enter(2);
    assert_true(dependency_add(&transaction, &connection));
    give_back(2);
    give_back(1);
    assert_int_equal(orders(), 0); /* as it should be */

    connection = enter(1), transaction = enter(2);
    assert_true(dependency_add(&transaction, &connection));
    give_back(1);
    assert_int_equal(orders(), 1);
    give_back(2);
    assert_int_equal(orders(), 1);

    /* What lies at the same address later depends on nothing. */
    connection = enter(1), transaction = enter(2);
    assert_true(dependency_add(&transaction, &connection));
    give_back(2);
    enter(2);
    give_back(1);
    assert_int_equal(orders(), 1);
    give_back(2);
}

static void many_depend_on_one(void **state)
{
    uint64_t before = orders();
    struct holding_copy base = enter(100), what;
    for (uint64_t handle = 101; handle < 111; handle++) {
        what = enter(handle);
        assert_true(dependency_add(&what, &base));
    }
    give_back(103);
    give_back(100);
    assert_int_equal(orders(), before + 9);
    for (uint64_t handle = 101; handle < 111; handle++)
        if (handle != 103)
            give_back(handle);
}

static const char *hints_of(uint32_t live)
{
    static char text[512];
    struct text hints = TEXT_OF(text);
    text[0] = '\0';
    touches_tell(live, &hints);
    return text;
}

static void hints_are_kept(void **state)
{
    struct holding_copy holding = enter(5);
    assert_string_equal(hints_of(holding.live), "");
    touch_note(&holding, "begun");
    assert_string_equal(hints_of(holding.live), "begun");
    for (char hint[] = "0"; *hint < '5'; ++*hint)
        touch_note(&holding, hint);
    assert_string_equal(hints_of(holding.live), "begun > 0 > 1 > 2 > 3 > 4");
    for (char hint[] = "a"; *hint < 'f'; ++*hint)
        touch_note(&holding, hint);
    assert_string_equal(hints_of(holding.live),
                        "begun > 0 > 1 > 2 > ... 3 more ... > b > c > d > e");
    assert_string_equal(hints_of(holding.live + 1), ""); /* the next acquisition's */
    give_back(5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_come_and_go),   cmocka_unit_test(jobs_nest),
        cmocka_unit_test(jobs_are_blocked),   cmocka_unit_test(jobs_from_many_threads),
        cmocka_unit_test(kinds_have_names),   cmocka_unit_test(order_of_release),
        cmocka_unit_test(many_depend_on_one), cmocka_unit_test(hints_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
