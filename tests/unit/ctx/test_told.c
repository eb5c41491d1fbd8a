/* SPDX-License-Identifier: MIT */
/*
 * What libctx tells a tracker of tasks and of misuse, call by call. As in test_attach.c this
 * program stands in for the tracker; what the first thread tells, and what the others do, is
 * written down apart.
 */
#include "attach.h"
#include "ctxtrace_annotate.h"
#include "unit.h"

#define LINES 32

static struct page {
    char lines[LINES][96];
    int count;
} pages[2]; /* the first thread's, and that of all others: one at a time */

static pthread_t first_thread;
static uint32_t last_context, last_task;
static __thread uint32_t context_now, task_now;

static struct page *own_page(void)
{
    return &pages[!pthread_equal(pthread_self(), first_thread)];
}

#define WRITE(...)                                                                                 \
    do {                                                                                           \
        struct page *page = own_page();                                                            \
        snprintf(page->lines[page->count++ % LINES], sizeof page->lines[0], __VA_ARGS__);          \
    } while (0)

static uint32_t made(uint32_t parent, const char *name, const void *site_pc)
{
    return ++last_context;
}

static void ignore_text(uint32_t id, const char *text) {}
static void ignore_texts(uint32_t id, const char *text, const char *other) {}
static void ignore_state(uint32_t id, int state, const char *cause) {}
static void ignore_id(uint32_t id) {}
static void ignore_number(uint32_t id, uint64_t number) {}
static void ignore_handle(uint32_t id, const void *handle, int is_to_end) {}
static void ignore_cleanup(const void *entry, const void *fn, const void *site_pc) {}
static void ignore_end_of_cleanup(const void *entry, int how) {}
static void ignore_why(const char *why) {}
static void ignore(void) {}

static int ignore_fd(int fd, const char *why)
{
    return 0;
}

static uint32_t write_entered(uint32_t id)
{
    uint32_t before = context_now;
    WRITE("context %u", id);
    context_now = id;
    return before;
}

static uint32_t write_begun(uint32_t context, const char *name, const void *serves,
                            const void *site_pc)
{
    WRITE("task %u begun in %u: %s%s%s", ++last_task, context, name, serves ? ", serves" : "",
          site_pc ? "" : ", nowhere");
    return last_task;
}

static void write_task_ended(uint32_t task)
{
    WRITE("task %u ended", task);
}

static uint32_t write_task_entered(uint32_t task)
{
    uint32_t before = task_now;
    WRITE("at work on %u", task);
    task_now = task;
    return before;
}

static void write_blocked(uint32_t task, const char *why, const void *object)
{
    WRITE("task %u %s%s", task, why ? "waits for " : "goes on", why ? why : "");
}

static const void *misused_object;

static void write_misused(int what, const void *object, uint32_t context, uint64_t count,
                          const void *site_pc)
{
    WRITE("misuse %d in %u: %llu%s", what, context, (unsigned long long)count,
          site_pc ? "" : ", nowhere");
    misused_object = object;
}

__attribute__((visibility("default"))) ctxtrace_attach_function ctxtrace_preload_attach_v1;
const struct ctxtrace_attach_v1 *ctxtrace_preload_attach_v1(const void *client)
{
    static const struct ctxtrace_attach_contexts contexts = {
        .size = sizeof contexts,
        .made = made,
        .named = ignore_text,
        .traced = ignore_texts,
        .ended = ignore_state,
        .dropped = ignore_id,
        .entered = write_entered,
        .deadline = ignore_number,
        .owned = ignore_handle,
        .valued = ignore_texts,
        .graced = ignore_number,
        .task_begun = write_begun,
        .task_ended = write_task_ended,
        .task_entered = write_task_entered,
        .task_blocked = write_blocked,
        .cleanup_registered = ignore_cleanup,
        .cleanup_over = ignore_end_of_cleanup,
        .misused = write_misused,
    };
    static const struct ctxtrace_attach_v1 table = {
        .size = sizeof table,
        .ignore_begin = ignore_why,
        .ignore_end = ignore,
        .ignore_fd = ignore_fd,
        .contexts = &contexts,
    };
    return &table;
}

static void assert_page(struct page *page, const char *const *expected, int count)
{
    for (int i = 0; i < count && i < page->count; i++)
        assert_string_equal(page->lines[i], expected[i]);
    assert_int_equal(page->count, count);
    page->count = 0;
}

#define ASSERT_PAGE(page, ...)                                                                     \
    do {                                                                                           \
        static const char *const expected[] = {__VA_ARGS__};                                       \
        assert_page(page, expected, (int)ARRAY_LENGTH(expected));                                  \
    } while (0)
#define ASSERT_TOLD(...)  ASSERT_PAGE(&pages[0], __VA_ARGS__)
#define ASSERT_THERE(...) ASSERT_PAGE(&pages[1], __VA_ARGS__)

static int begin(void **state)
{
    last_task = last_context = 0;
    pages[0].count = pages[1].count = 0;
    return 0;
}

/* ---- tasks ---- */

static void tasks_are_told(void **state)
{
    ctx_t *context = ctx_with_cancel(NULL);
    ctx_task_t *one = ctx_task_begin(context, "one"), *other = ctx_task_begin(NULL, NULL);
    ASSERT_TOLD("task 1 begun in 1: one", "task 2 begun in 0: tasks_are_told");
    ctx_task_token_t outer = ctx_task_enter(one), inner = ctx_task_enter(other);
    ASSERT_TOLD("context 1", "at work on 1", "context 0", "at work on 2");
    ctx_task_blocked(other, "reply", NULL), ctx_task_blocked(NULL, NULL, NULL);
    ASSERT_TOLD("task 2 waits for reply", "task 0 goes on");
    ctx_task_leave(&inner), ctx_task_leave(&outer);
    ASSERT_TOLD("at work on 1", "context 1", "at work on 0", "context 0");
    ctx_task_end(one), ctx_task_end(other), ctx_task_end(other);
    ASSERT_TOLD("task 1 ended", "task 2 ended");
    ctx_cancel(context), ctx_release(context);
}

/* A pop that unwinds an enter takes the task with it, and its leave does not bring it back. */
static void unwound_tasks_are_told(void **state)
{
    ctx_t *context = ctx_with_cancel(NULL);
    ctx_task_t *task = ctx_task_begin(context, "task");
    ctx_token_t outer = ctx_push(context);
    ctx_task_token_t inner = ctx_task_enter(task);
    pages[0].count = 0;
    ctx_pop(&outer);
    ASSERT_TOLD("misuse 23 in 1: 1", "at work on 0", "context 0");
    assert_ptr_equal(misused_object, context);
    ctx_task_leave(&inner);
    ASSERT_TOLD("misuse 23 in 1: 0");
    ctx_task_end(task);
    ctx_cancel(context), ctx_release(context);
}

static void nothing(void *unused) {}

static void threads_are_told(void **state)
{
    ctx_waitgroup_t group = CTX_WG_INIT;
    ctx_t *context = ctx_with_cancel(NULL);
    assert_int_equal(ctx_go(context, &group, "worker", nothing, NULL), 0);
    while (ctx_wg_count(&group)) /* not waited for: it may be done by then */
        sched_yield();
    /* The thread is its context's, whichever is active where it is made. */
    ASSERT_TOLD("task 1 begun in 1: worker, serves", "context 1", "context 0");
    ASSERT_THERE("context 1", "at work on 1", "at work on 0", "context 0", "at work on 1",
                 "task 1 ended");
    ctx_cancel(context);
    assert_int_equal(ctx_go(context, &group, "worker", nothing, NULL), -1);
    assert_int_equal(pages[0].count, 0);
    ctx_release(context);
}

static ctx_token_t left;

static void push_it(void *context)
{
    left = ctx_push(context);
}

static void left_ones_are_told(void **state)
{
    ctx_waitgroup_t group = CTX_WG_INIT;
    ctx_t *context = ctx_with_cancel(NULL), *below = ctx_with_cancel(context);
    assert_int_equal(ctx_go(context, &group, "pushes", push_it, below), 0);
    while (ctx_wg_count(&group))
        sched_yield();
    ASSERT_THERE("context 1", "at work on 1", "context 2", "misuse 25 in 2: 1, nowhere",
                 "at work on 0", "context 0", "at work on 1", "task 1 ended");
    assert_ptr_equal(misused_object, below);
    ctx_cancel(context);
    ctx_release(below), ctx_release(context);
}

/* ---- WaitGroups ---- */

static ctx_waitgroup_t waited = CTX_WG_INIT;

static void done_when_waited_for(void *unused)
{
    while (!__atomic_load_n(&waited.waiting, __ATOMIC_SEQ_CST))
        sched_yield();
    ctx_wg_done(&waited);
}

static void waits_are_told(void **state)
{
    ctx_waitgroup_t threads = CTX_WG_INIT;
    ctx_wg_add(&waited, 1);
    assert_int_equal(ctx_go(ctx_background(), &threads, "doer", done_when_waited_for, NULL), 0);
    pages[0].count = 0;
    assert_int_equal(ctx_wg_wait(&waited, ctx_background()), 0);
    ASSERT_TOLD("task 0 waits for waitgroup", "task 0 goes on");
    assert_int_equal(ctx_wg_wait(&waited, ctx_background()), 0);
    assert_int_equal(pages[0].count, 0);
    while (ctx_wg_count(&threads))
        sched_yield();
}

static void misuse_of_waitgroups_is_told(void **state)
{
    ctx_waitgroup_t group = CTX_WG_INIT;
    ctx_t *context = ctx_with_cancel(NULL);
    ctx_wg_add(&group, -3);
    ASSERT_TOLD("misuse 19 in 0: 3");
    assert_ptr_equal(misused_object, &group);
    group.waiting = 1; /* as if somebody did */
    ctx_wg_add(&group, 2);
    ASSERT_TOLD("misuse 20 in 0: 2");
    ctx_wg_destroy(&group);
    ASSERT_TOLD("misuse 21 in 0: 2");
    ctx_cancel(context);
    assert_int_equal(ctx_wg_wait(&group, context), -1);
    ASSERT_TOLD("task 0 waits for waitgroup", "task 0 goes on", "misuse 22 in 1: 2");
    ctx_release(context);
}

static ctx_token_t pushed;

static void pop_it(void *unused)
{
    ctx_pop(&pushed);
}

static void pops_elsewhere_are_told(void **state)
{
    ctx_waitgroup_t group = CTX_WG_INIT;
    ctx_t *context = ctx_with_cancel(NULL);
    pushed = ctx_push(context);
    assert_int_equal(ctx_go(ctx_background(), &group, "pops", pop_it, NULL), 0);
    while (ctx_wg_count(&group))
        sched_yield();
    ASSERT_THERE("context 0", "at work on 1", "misuse 24 in 1: 0", "at work on 0", "context 0",
                 "at work on 1", "task 1 ended");
    assert_ptr_equal(misused_object, context);
    ctx_pop(&pushed);
    ctx_cancel(context), ctx_release(context);
}

#define UNIT(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    first_thread = pthread_self();
    const struct CMUnitTest tests[] = {
        UNIT(tasks_are_told),          UNIT(unwound_tasks_are_told),
        UNIT(threads_are_told),        UNIT(left_ones_are_told),
        UNIT(waits_are_told),          UNIT(misuse_of_waitgroups_is_told),
        UNIT(pops_elsewhere_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
