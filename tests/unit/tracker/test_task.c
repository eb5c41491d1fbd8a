/* SPDX-License-Identifier: MIT */
/* Tasks and contexts: ids, ends, slots used again, threads. hazard: D7, D8 */
#include "tests/unit/tracker/unit.h"

#include <stdatomic.h>
#include <unistd.h>

#include "preload/facts/context.h"
#include "preload/facts/task.h"
#include "preload/ground/guard.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"

static void the_first_task_is_main_in_the_process(void **state)
{
    assert_int_equal(task_self(), TASK_MAIN);
    assert_int_equal(self.context, CONTEXT_PROCESS);
    struct task *t = task_get(TASK_MAIN);
    assert_int_equal(t->tid, getpid());
    assert_int_equal(t->flags & CTT_TASK_MAIN, CTT_TASK_MAIN);
}

static void a_context_ends_once(void **state)
{
    uint32_t id = context_new(CTT_CONTEXT_SCOPE, CONTEXT_PROCESS, 3, "a scope");
    struct context *c = context_get(id);
    assert_int_equal(c->ended_ns, CTT_NEVER);
    context_end(id, CTT_STATE_DEADLINE, 4);
    context_end(id, CTT_STATE_OK, 5);
    assert_int_equal(c->state, CTT_STATE_DEADLINE);
    assert_int_equal(c->ended_stack, 4);
    assert_true(c->ended_ns != CTT_NEVER);
    assert_null(context_get(CONTEXT_NONE));
    assert_null(context_get(UINT32_MAX));
}

static void an_old_id_is_not_the_new_task(void **state)
{
    uint32_t a = task_new(1, 0);
    task_drop(a);
    assert_null(task_get(a));
    uint32_t b = task_new(2, 0);
    assert_int_not_equal(a, b);
    assert_null(task_get(a));
    assert_non_null(task_get(b));
    task_drop(a); /* of an old id: does nothing */
    assert_non_null(task_get(b));
    task_drop(b);
}

static void *live_and_end(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2000; i++) {
        uint32_t id = task_new(1, 0);
        task_start(id);
        task_end(CTT_STATE_OK, 0);
        task_drop(id);
    }
    self.task = 0;
    return NULL;
}

static void slots_are_used_again(void **state)
{
    uint32_t before = task_slots();
    in_threads(4, live_and_end);
    assert_true(task_slots() <= before + 4);
    assert_int_equal(health_counts[HEALTH_tasks_dropped], 0);
}

int main(void)
{
    clock_begin();
    context_begin();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_task_is_main_in_the_process),
        cmocka_unit_test(a_context_ends_once),
        cmocka_unit_test(an_old_id_is_not_the_new_task),
        cmocka_unit_test(slots_are_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
