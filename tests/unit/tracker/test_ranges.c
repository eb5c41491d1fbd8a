/* SPDX-License-Identifier: MIT */
/* Mappings by interval: against a model that knows every page by itself, beside a
 * reader, in a handler and over a fork. hazard: E7, E16, B4 */
#include "tests/unit/tracker/unit.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/books/ranges.h"
#include "preload/ground/health.h"

#define PAGE  UINT64_C(4096)
#define BASE  UINT64_C(0x7f8000000000)
#define PAGES 200u

static void enter(uint64_t first, uint64_t pages, uint32_t stack)
{
    struct holding_copy holding =
        holding_now(CTT_KIND_MAPPING, DETAIL_NONE, BASE + first * PAGE, 1);
    holding.bytes = pages * PAGE;
    holding.stack = stack;
    range_enter(&holding);
}

static struct range_cut cut(uint64_t first, uint64_t pages)
{
    struct range_cut taken;
    range_cut(&taken, BASE + first * PAGE, BASE + (first + pages) * PAGE);
    return taken;
}

static void unmap(uint64_t first, uint64_t pages)
{
    struct range_cut taken = cut(first, pages);
    range_forget(&taken);
}

/* What the book says of each page: the stack, 0: not held. */
static uint32_t list(uint32_t pages_of[PAGES])
{
    static struct holding_copy ranges[4096];
    uint32_t count;
    assert_true(range_list(ranges, 4096, &count));
    memset(pages_of, 0, PAGES * sizeof *pages_of);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(ranges[i].bytes > 0);
        if (i > 0)
            assert_true(ranges[i - 1].handle + ranges[i - 1].bytes <= ranges[i].handle);
        for (uint64_t at = ranges[i].handle; at < ranges[i].handle + ranges[i].bytes; at += PAGE)
            pages_of[(at - BASE) / PAGE] = ranges[i].stack;
    }
    return count;
}

static uint32_t gone_stack, gone_count;

static void count_gone(const struct holding_copy *was, void *arg)
{
    gone_stack = was->stack;
    gone_count++;
}

static uint32_t give_back(uint64_t first, uint64_t pages)
{
    struct range_cut taken = cut(first, pages);
    gone_count = 0;
    range_give_back(&taken, count_gone, NULL);
    return gone_count;
}

/* However many pieces it goes in, an acquisition is given back once: with the last. */
static void what_goes_in_pieces_is_told_once(void **state)
{
    enter(10, 10, 71);
    enter(20, 5, 72);
    assert_int_equal(give_back(10, 2), 0);
    assert_int_equal(give_back(14, 2), 0);
    assert_int_equal(give_back(18, 2), 0);
    assert_int_equal(give_back(8, 12), 1);
    assert_int_equal(gone_stack, 71);
    assert_int_equal(give_back(20, 5), 1);
    assert_int_equal(gone_stack, 72);
    assert_int_equal(give_back(0, 30), 0);
}

static void a_cut_in_the_middle_leaves_two(void **state)
{
    (void)state;
    uint32_t pages[PAGES];
    struct holding_copy found;
    enter(10, 10, 7);
    unmap(13, 4);
    assert_int_equal(list(pages), 2);
    assert_int_equal(pages[12], 7);
    assert_int_equal(pages[13], 0);
    assert_int_equal(pages[16], 0);
    assert_int_equal(pages[17], 7);
    assert_true(range_read(BASE + 17 * PAGE, &found));
    assert_int_equal(found.bytes, 3 * PAGE);
    assert_true(range_read(BASE + 19 * PAGE, &found));
    assert_int_equal(found.handle, BASE + 17 * PAGE);
    assert_false(range_read(BASE + 20 * PAGE, &found));
    assert_false(range_read(BASE + 16 * PAGE, &found));
    unmap(0, PAGES);
    assert_int_equal(list(pages), 0);
}

static void a_failed_call_changes_nothing(void **state)
{
    (void)state;
    uint32_t before[PAGES], after[PAGES];
    enter(10, 10, 7);
    enter(20, 5, 8);
    enter(30, 5, 9);
    list(before);
    struct range_cut taken = cut(12, 20);
    list(after);
    assert_int_equal(after[12], 0);
    assert_int_equal(after[31], 0);
    range_uncut(&taken);
    assert_int_equal(list(after), 3); /* each is one again */
    assert_memory_equal(before, after, sizeof before);
    unmap(0, PAGES);
}

static void what_is_mapped_over_is_replaced(void **state)
{
    (void)state;
    uint32_t pages[PAGES];
    uint64_t replaced = health_counts[HEALTH_ranges_replaced];
    enter(10, 10, 7);
    enter(15, 10, 8);
    assert_int_equal(list(pages), 2);
    assert_int_equal(pages[14], 7);
    assert_int_equal(pages[15], 8);
    assert_int_equal(health_counts[HEALTH_ranges_replaced], replaced + 1);
    unmap(0, PAGES);
}

static void as_a_model_that_knows_every_page(void **state)
{
    (void)state;
    static uint32_t model[PAGES], pages[PAGES];
    srandom(4711);
    for (uint32_t step = 1; step < 60000; step++) {
        uint64_t first = (uint64_t)random() % PAGES;
        uint64_t many = 1 + (uint64_t)random() % (random() % 8 ? 6 : PAGES);
        many = first + many > PAGES ? PAGES - first : many;
        struct range_cut taken;
        switch (random() % 4) {
        case 0:
            taken = cut(first, many);
            range_uncut(&taken); /* a call that fails */
            break;
        case 1:
            unmap(first, many);
            memset(model + first, 0, many * sizeof *model);
            break;
        default:
            taken = cut(first, many); /* MAP_FIXED */
            range_forget(&taken);
            enter(first, many, step);
            for (uint64_t i = 0; i < many; i++)
                model[first + i] = step;
        }
        if (step % 16 && step > 2000)
            continue;
        list(pages);
        assert_memory_equal(model, pages, sizeof model);
    }
    unmap(0, PAGES);
    memset(model, 0, sizeof model);
}

static void a_full_book_drops_and_counts(void **state)
{
    (void)state;
    struct range_cut all;
    uint64_t dropped = health_counts[HEALTH_ranges_dropped];
    for (uint64_t i = 0; i < RANGE_MAX + 5; i++)
        enter(2 * i, 1, 1);
    assert_true(health_counts[HEALTH_ranges_dropped] >= dropped + 5);
    range_cut(&all, BASE, BASE + 4 * RANGE_MAX * PAGE);
    range_forget(&all);
    uint32_t pages[PAGES];
    assert_int_equal(list(pages), 0);
    enter(1, 1, 3);
    assert_int_equal(list(pages), 1);
    unmap(0, PAGES);
}

/* ---- beside others ---- */

#define WORKERS 3
#ifdef __SANITIZE_THREAD__
#define TURNS 3000u
#else
#define TURNS 30000u
#endif
static _Atomic int busy;
static _Atomic uint32_t wrong;

/* Each has 20 pages of its own, and its stack says so. */
static void *map_and_unmap(uint64_t me)
{
    for (uint32_t i = 0; i < TURNS; i++) {
        enter(me * 20, 20, (uint32_t)me + 1);
        unmap(me * 20 + 3 + i % 4, 5);
        struct range_cut taken = cut(me * 20 + 1, 10);
        range_uncut(&taken);
        unmap(me * 20, 20);
    }
    atomic_fetch_sub(&busy, 1);
    return NULL;
}

static void check(const struct holding_copy *range)
{
    uint64_t first = (range->handle - BASE) / PAGE, last = first + range->bytes / PAGE - 1;
    if (range->bytes == 0 || first / 20 != range->stack - 1 || last / 20 != range->stack - 1)
        atomic_fetch_add(&wrong, 1);
}

static void check_each(const struct holding_copy *range, void *unused)
{
    (void)unused;
    check(range);
}

static void *work_or_read(void *arg)
{
    if ((intptr_t)arg < WORKERS)
        return map_and_unmap((uint64_t)(intptr_t)arg);
    struct holding_copy ranges[64];
    while (atomic_load(&busy) > 0) {
        uint32_t count;
        bool whole = range_list(ranges, 64, &count);
        for (uint32_t i = 0; i < count; i++) {
            check(&ranges[i]);
            if (whole && i > 0 && ranges[i - 1].handle + ranges[i - 1].bytes > ranges[i].handle)
                atomic_fetch_add(&wrong, 1);
        }
        range_scan(check_each, NULL);
    }
    return NULL;
}

static void readers_see_whole_ranges(void **state)
{
    (void)state;
    uint32_t pages[PAGES];
    atomic_store(&busy, WORKERS);
    in_threads(WORKERS + 1, work_or_read);
    assert_int_equal(wrong, 0);
    assert_int_equal(list(pages), 0);
}

static _Atomic uint32_t handled;

static void on_alarm(int number)
{
    (void)number;
    enter(100, 10, 9);
    unmap(100, 10);
    atomic_fetch_add(&handled, 1);
}

/* It gives up where it has interrupted a change: then the book has not got what the
 * handler mapped, and says so. */
static void a_handler_does_not_wait_for_itself(void **state)
{
    (void)state;
    struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
    uint32_t pages[PAGES];
    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &often, NULL);
    for (uint32_t i = 0; atomic_load(&handled) < 100 && i < 4000000; i++) {
        enter(10, 10, 7);
        unmap(10, 10);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    signal(SIGALRM, SIG_DFL);
    assert_true(handled > 0);
    unmap(0, PAGES);
    assert_int_equal(list(pages), 0);
}

static void a_fork_child_inherits(void **state)
{
    (void)state;
    struct holding_copy found;
    int status = 0;
    enter(10, 10, 7);
    ranges_before_fork();
    pid_t child = fork();
    ranges_after_fork();
    if (child == 0) {
        ranges_inherit();
        unmap(12, 2);
        enter(50, 1, 8);
        bool good = range_read(BASE + 10 * PAGE, &found) && found.flags & CTT_HOLDING_INHERITED;
        good = good && range_read(BASE + 14 * PAGE, &found) && found.flags & CTT_HOLDING_INHERITED;
        good =
            good && range_read(BASE + 50 * PAGE, &found) && !(found.flags & CTT_HOLDING_INHERITED);
        _exit(good ? 0 : 1);
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_true(range_read(BASE + 10 * PAGE, &found));
    assert_false(found.flags & CTT_HOLDING_INHERITED);
    unmap(0, PAGES);
}

/* ---- what a failed call has left ---- */

static unsigned asked;
static uint64_t missing_page;

static bool is_mapped(uintptr_t start, uintptr_t bytes)
{
    uintptr_t page = BASE + missing_page * PAGE;
    asked++;
    return page < start || page >= start + bytes;
}

/* Large mappings are asked for as a whole, and what is missing is found in a few steps. */
static void what_is_still_mapped_is_asked_for_as_a_whole(void **state)
{
    const uint64_t pages = UINT64_C(1) << 24;
    struct holding_copy range;
    (void)state;
    enter(0, pages, 7);
    struct range_cut taken = cut(0, pages);
    missing_page = pages;
    asked = 0;
    range_uncut_if(&taken, is_mapped, PAGE);
    assert_int_equal(asked, 1);
    assert_true(range_read(BASE, &range) && range.bytes == pages * PAGE);
    taken = cut(0, pages);
    missing_page = 1234567;
    asked = 0;
    range_uncut_if(&taken, is_mapped, PAGE);
    assert_in_range(asked, 2, 100);
    assert_true(range_read(BASE, &range) && range.bytes == missing_page * PAGE);
    assert_false(range_read(BASE + missing_page * PAGE, &range));
    assert_true(range_read(BASE + (missing_page + 1) * PAGE, &range));
    unmap(0, pages);
}

static bool is_gone(uintptr_t start, uintptr_t bytes)
{
    (void)start;
    (void)bytes;
    asked++;
    return false;
}

/* Where all of it is gone nobody is kept waiting for an answer about each page. */
static void what_is_gone_is_given_up_after_a_while(void **state)
{
    const uint64_t pages = UINT64_C(1) << 24;
    struct holding_copy range;
    (void)state;
    enter(0, pages, 7);
    struct range_cut taken = cut(0, pages);
    uint64_t dropped = atomic_load(&health_counts[HEALTH_ranges_dropped]);
    asked = 0;
    range_uncut_if(&taken, is_gone, PAGE);
    assert_in_range(asked, 100, 5000);
    assert_int_equal(atomic_load(&health_counts[HEALTH_ranges_dropped]), dropped + 1);
    assert_false(range_read(BASE, &range));
    assert_false(range_read(BASE + (pages - 1) * PAGE, &range));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_pieces_is_told_once),
        cmocka_unit_test(a_cut_in_the_middle_leaves_two),
        cmocka_unit_test(a_failed_call_changes_nothing),
        cmocka_unit_test(what_is_mapped_over_is_replaced),
        cmocka_unit_test(what_is_still_mapped_is_asked_for_as_a_whole),
        cmocka_unit_test(what_is_gone_is_given_up_after_a_while),
        cmocka_unit_test(as_a_model_that_knows_every_page),
        cmocka_unit_test(a_full_book_drops_and_counts),
        cmocka_unit_test(readers_see_whole_ranges),
        cmocka_unit_test(a_handler_does_not_wait_for_itself),
        cmocka_unit_test(a_fork_child_inherits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
