/* SPDX-License-Identifier: MIT */
/*
 * What a program tells of its own memory and descriptors, through the header that it
 * includes. The hooks are linked into this program, and so is what the header looks up.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "preload/books/fdtable.h"
#include "preload/books/ledger.h"
#include "preload/ctx/ctxtrace_annotate.h"
#include "preload/facts/context.h"
#include "preload/facts/ignored.h"
#include "preload/facts/roots.h"
#include "preload/facts/suppressions.h"
#include "preload/facts/task.h"
#include "preload/ground/config.h"
#include "preload/ground/guard.h"
#include "preload/ground/health.h"
#include "unit.h"

#define ROWS    1024 /* roots.c */
#define REASONS 64   /* ignored.c */
#define NESTED  12   /* more than it keeps */

/* ---- scopes ---- */

struct wanted {
    uintptr_t address;
    struct block block;
};

static void see_block(const struct block *block, void *arg)
{
    struct wanted *wanted = arg;
    if (block->address == wanted->address)
        wanted->block = *block;
}

static struct context_copy context_of(const void *block)
{
    struct wanted wanted = {.address = (uintptr_t)block};
    struct context_copy copy = {.id = CONTEXT_NONE};
    ledger_scan(see_block, &wanted);
    context_read(wanted.block.context, &copy);
    return copy;
}

static void assert_ignored(const void *block, const char *why)
{
    struct context_copy context = context_of(block);
    assert_true(context.flags & CTT_CONTEXT_IGNORED);
    assert_int_equal(context.kind, CTT_CONTEXT_SCOPE);
    assert_int_equal(context.state, CTT_STATE_ACTIVE);
    assert_string_equal(context.name, why);
}

static void assert_not_ignored(const void *block)
{
    struct context_copy context = context_of(block);
    assert_int_not_equal(context.id, CONTEXT_NONE);
    assert_false(context.flags & CTT_CONTEXT_IGNORED);
}

static void scope_has_what_is_acquired_in_it(void **state)
{
    char why[] = "a table for good";
    void *before = malloc(100);
    ctxtrace_ignore_begin(why);
    void *within = malloc(100);
    int fd = open("/dev/null", O_RDONLY);
    ctxtrace_ignore_begin("an inner one");
    void *inner = malloc(100);
    ctxtrace_ignore_end();
    void *again = malloc(100);
    ctxtrace_ignore_end();
    void *after = malloc(100);
    memset(why, '-', sizeof why - 1);
    struct holding_copy holding;
    struct context_copy context;
    assert_true(fd_read(fd, &holding) && context_read(holding.context, &context));
    assert_true(context.flags & CTT_CONTEXT_IGNORED);
    assert_not_ignored(before);
    assert_ignored(within, "a table for good");
    assert_ignored(inner, "an inner one");
    assert_ignored(again, "a table for good");
    assert_not_ignored(after);
    ctxtrace_ignore_end(); /* without a begin */
    assert_int_equal(self.context, context_of(before).id);
    close(fd);
    free(before), free(within), free(inner), free(again), free(after);
}

static void scopes_nest_deeply(void **state)
{
    void *blocks[NESTED];
    for (int i = 0; i < NESTED; i++) {
        ctxtrace_ignore_begin("deep");
        blocks[i] = malloc(100);
    }
    for (int i = 0; i < NESTED; i++) {
        assert_ignored(blocks[i], "deep");
        free(blocks[i]);
        void *still = malloc(100);
        assert_ignored(still, "deep");
        free(still);
        ctxtrace_ignore_end();
    }
    void *after = malloc(100);
    assert_not_ignored(after);
    free(after);
}

static void *other_thread(void *unused)
{
    return malloc(100);
}

static void scope_is_its_threads_own(void **state)
{
    pthread_t thread;
    void *block = NULL;
    ctxtrace_ignore_begin("mine");
    pthread_create(&thread, NULL, other_thread, NULL);
    ctxtrace_ignore_end();
    pthread_join(thread, &block);
    assert_not_ignored(block);
    free(block);
}

static void one_context_for_a_reason(void **state)
{
    uint32_t first = ignored_context("the same");
    assert_int_equal(ignored_context("the same"), first);
    assert_int_not_equal(ignored_context("the sam"), first);
    assert_int_not_equal(ignored_context("the same one"), first);
    assert_int_equal(ignored_context(NULL), ignored_context(""));
    uint32_t last = CONTEXT_NONE, before = CONTEXT_NONE;
    for (int i = 0; i < REASONS; i++) {
        char why[] = {'a', (char)('0' + i / 10), (char)('0' + i % 10), '\0'};
        before = last;
        last = ignored_context(why);
    }
    assert_int_equal(last, before);
    assert_int_not_equal(last, CONTEXT_NONE);
    assert_true(health_counts[HEALTH_reasons_merged] > 0);
    assert_int_equal(ignored_context("the same"), first);
}

/* ---- one by one ---- */

static void block_moves(void **state)
{
    char *block = malloc(200);
    assert_int_equal(ctxtrace_ignore_mem(block + 64, "inside"), -1);
    assert_not_ignored(block);
    assert_int_equal(ctxtrace_ignore_mem(block, "a block"), 0);
    struct context_copy context = context_of(block);
    assert_true(context.flags & CTT_CONTEXT_IGNORED);
    free(block);
    assert_int_equal(ctxtrace_ignore_mem((void *)0x10, "none"), -1);
    assert_int_equal(ctxtrace_ignore_mem(NULL, "none"), -1);
}

static void descriptor_is_marked(void **state)
{
    struct holding_copy holding;
    int fd = open("/dev/null", O_RDONLY);
    assert_int_equal(ctxtrace_ignore_fd(fd, "kept"), 0);
    assert_true(fd_read(fd, &holding));
    assert_true(holding.flags & CTT_HOLDING_IGNORED);
    close(fd);
    assert_int_equal(ctxtrace_ignore_fd(fd, "closed"), -1);
    assert_int_equal(ctxtrace_ignore_fd(-1, "none"), -1);
}

/* ---- root ranges ---- */

struct seen {
    uintptr_t start;
    int count, times;
    uintptr_t end;
};

static void see_root(uintptr_t start, uintptr_t end, void *arg)
{
    struct seen *seen = arg;
    seen->count++;
    if (start != seen->start)
        return;
    seen->times++;
    seen->end = end;
}

static struct seen look_for(const void *start)
{
    struct seen seen = {.start = (uintptr_t)start};
    roots_scan(see_root, &seen);
    return seen;
}

static char pages[ROWS + 8][64];

static void roots_come_and_go(void **state)
{
    assert_int_equal(look_for(pages).count, 0);
    assert_int_equal(ctxtrace_root_range(pages[1], 64), 0);
    assert_int_equal(ctxtrace_root_range(pages[1], 64), 0);
    assert_int_equal(ctxtrace_root_range(pages[2], 0), -1);
    assert_int_equal(ctxtrace_root_range((void *)-64, 128), -1);
    assert_int_equal(look_for(pages[1]).times, 2);
    assert_int_equal(look_for(pages[1]).end, (uintptr_t)pages[2]);
    assert_int_equal(ctxtrace_root_range_end(pages[1], 32), -1);
    assert_int_equal(ctxtrace_root_range_end(pages[1], 64), 0);
    assert_int_equal(look_for(pages[1]).times, 1);
    assert_int_equal(ctxtrace_root_range_end(pages[1], 64), 0);
    assert_int_equal(ctxtrace_root_range_end(pages[1], 64), -1);
    assert_int_equal(look_for(pages).count, 0);
}

static void full_roots_are_counted(void **state)
{
    uint64_t before = health_counts[HEALTH_roots_dropped];
    for (int i = 0; i < ROWS; i++)
        assert_int_equal(ctxtrace_root_range(pages[i], 64), 0);
    assert_int_equal(ctxtrace_root_range(pages[ROWS], 64), -1);
    assert_int_equal(health_counts[HEALTH_roots_dropped], before + 1);
    assert_int_equal(look_for(pages).count, ROWS);
    for (int i = 0; i < ROWS; i++)
        assert_int_equal(ctxtrace_root_range_end(pages[i], 64), 0);
    assert_int_equal(look_for(pages).count, 0);
}

static void see_own(uintptr_t start, uintptr_t end, void *arg)
{
    /* The start says what the end is: one of another range is torn. */
    if (end - start != 1 + start % 7)
        *(int *)arg += 1;
}

static void *roots_change(void *number)
{
    int torn = 0;
    for (uintptr_t i = 1; i < 3000; i++) {
        uintptr_t start = (uintptr_t)number * 1000000 + i;
        if (!roots_add(start, 1 + start % 7))
            torn++;
        roots_scan(see_own, &torn);
        if (!roots_remove(start, 1 + start % 7))
            torn++;
    }
    return (void *)(intptr_t)torn;
}

static void roots_change_at_once(void **state)
{
    pthread_t threads[4];
    for (intptr_t i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, roots_change, (void *)i);
    for (int i = 0; i < 4; i++) {
        void *torn = NULL;
        pthread_join(threads[i], &torn);
        assert_null(torn);
    }
    assert_int_equal(look_for(pages).count, 0);
}

/* ---- the program's own suppressions ---- */

__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    static char lines[] = "leak:one\nleak:two\n";
    return lines;
}

static void suppressions_are_asked_for(void **state)
{
    assert_null(suppressions_text());
    suppressions_ask();
    assert_string_equal(suppressions_text(), "leak:one\nleak:two\n");
}

static void table_says_its_size(void **state)
{
    const struct ctxtrace_attach_v1 *table = ctxtrace_attached();
    assert_non_null(table);
    assert_int_equal(table->size, sizeof *table);
}

int main(void)
{
    config_read(NULL);
    context_begin();
    task_self();
    atomic_store(&tracker_state, TRACKER_ON);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_says_its_size),
        cmocka_unit_test(scope_has_what_is_acquired_in_it),
        cmocka_unit_test(scopes_nest_deeply),
        cmocka_unit_test(scope_is_its_threads_own),
        cmocka_unit_test(block_moves),
        cmocka_unit_test(descriptor_is_marked),
        cmocka_unit_test(one_context_for_a_reason),
        cmocka_unit_test(roots_come_and_go),
        cmocka_unit_test(full_roots_are_counted),
        cmocka_unit_test(roots_change_at_once),
        cmocka_unit_test(suppressions_are_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
