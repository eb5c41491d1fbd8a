/* SPDX-License-Identifier: MIT */
/* The key table: look-ups, kinds apart, threads, and its locks over fork and in
 * signal handlers. hazard: C1, B4 */
#include "tests/unit/tracker/unit.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/books/keytable.h"
#include "preload/ground/arena.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"

static struct holding_copy stream_of(uint64_t handle, uint32_t stack)
{
    return holding_now(CTT_KIND_STREAM, DETAIL_NONE, handle, stack);
}

static void count_one(const struct holding_copy *holding, void *arg)
{
    (void)holding;
    ++*(uint64_t *)arg;
}

static uint64_t live_count(void)
{
    uint64_t count = 0;
    key_scan(count_one, &count);
    return count;
}

static void kinds_are_apart(void **state)
{
    struct holding_copy s = stream_of(100, 1), d = holding_now(CTT_KIND_DIR, 0, 100, 2), got;
    assert_false(key_enter(&s));
    assert_false(key_enter(&d));
    assert_true(key_read(CTT_KIND_STREAM, 100, &got));
    assert_int_equal(got.stack, 1);
    assert_true(key_take(CTT_KIND_DIR, 100, &got));
    assert_int_equal(got.stack, 2);
    assert_false(key_take(CTT_KIND_DIR, 100, &got));
    assert_true(key_take(CTT_KIND_STREAM, 100, &got));
    assert_int_equal(live_count(), 0);
}

static void entering_twice_tells(void **state)
{
    struct holding_copy a = stream_of(200, 1), b = stream_of(200, 2), got;
    assert_false(key_enter(&a));
    assert_true(key_enter(&b));
    assert_true(key_take(CTT_KIND_STREAM, 200, &got));
    assert_int_equal(got.stack, 2);
}

static void acquired_again_is_taken_as_often(void **state)
{
    struct holding_copy s = stream_of(300, 1), got;
    assert_false(key_again(CTT_KIND_STREAM, 300));
    key_enter(&s);
    assert_true(key_again(CTT_KIND_STREAM, 300));
    assert_false(key_take(CTT_KIND_STREAM, 300, &got));
    assert_int_equal(live_count(), 1);
    assert_true(key_take(CTT_KIND_STREAM, 300, &got));
    assert_false(key_again(CTT_KIND_STREAM, 300));
    key_enter(&s);
    key_again(CTT_KIND_STREAM, 300);
    key_enter(&s); /* another, which nobody has taken before */
    assert_true(key_take(CTT_KIND_STREAM, 300, &got));
    key_enter(&s);
    key_again(CTT_KIND_STREAM, 300);
    key_drop_kind(CTT_KIND_STREAM);
    assert_int_equal(live_count(), 0);
}

static void slots_are_used_again(void **state)
{
    struct holding_copy got;
    for (uint64_t i = 0; i < 3000000; i++) {
        struct holding_copy h = stream_of(i * 32, 3);
        key_enter(&h);
        if (!key_take(CTT_KIND_STREAM, i * 32, &got))
            fail();
    }
    assert_int_equal(health_counts[HEALTH_keys_dropped], 0);
}

/* Whoever opens and closes one stream all night has the tables of the first evening. */
static void a_table_that_empties_is_kept(void **state)
{
    struct holding_copy got;
    uint64_t before = arena_mapped();
    for (uint64_t i = 0; i < 200000; i++) {
        struct holding_copy h = stream_of(1 << 20, 3);
        key_enter(&h);
        if (!key_take(CTT_KIND_STREAM, 1 << 20, &got))
            fail();
    }
    assert_in_range(arena_mapped() - before, 0, 1 << 20);
}

static void a_kind_is_dropped_whole(void **state)
{
    for (uint64_t i = 0; i < 1000; i++) {
        struct holding_copy t = holding_now(CTT_KIND_THREAD, 0, i * 4096, 1);
        struct holding_copy s = stream_of(i * 4096, 1);
        key_enter(&t);
        key_enter(&s);
    }
    key_drop_kind(CTT_KIND_THREAD);
    assert_int_equal(live_count(), 1000);
    key_drop_kind(CTT_KIND_STREAM);
    assert_int_equal(live_count(), 0);
}

#define ROUNDS 20000u
static _Atomic uint64_t failures;
static _Atomic int stop;

static void *churn(void *arg)
{
    struct holding_copy got;
    for (uint64_t i = 0; i < ROUNDS && !atomic_load(&stop); i++) {
        uint64_t handle = (uint64_t)(intptr_t)arg << 40 | i * 16;
        struct holding_copy h = stream_of(handle, (uint32_t)i);
        key_enter(&h);
        if (!key_take(CTT_KIND_STREAM, handle, &got) || got.stack != (uint32_t)i)
            atomic_fetch_add(&failures, 1);
    }
    return NULL;
}

static void threads_lose_nothing(void **state)
{
    in_threads(4, churn);
    assert_int_equal(failures, 0);
    assert_int_equal(live_count(), 0);
}

/* The child of a fork beside busy threads must be able to use every shard. */
static void *fork_often(void *arg)
{
    if ((intptr_t)arg != 0) {
        while (!atomic_load(&stop))
            churn(arg);
        return NULL;
    }
    for (int i = 0; i < 20; i++) {
        keys_before_fork();
        pid_t child = fork();
        keys_after_fork();
        if (child == 0) {
            uint64_t before = failures;
            struct holding_copy got;
            for (uint64_t k = 0; k < 512; k++) {
                struct holding_copy h = stream_of(0xabc0000 + k * 16, 9);
                key_enter(&h);
                if (!key_take(CTT_KIND_STREAM, 0xabc0000 + k * 16, &got))
                    atomic_fetch_add(&failures, 1);
            }
            _exit(failures == before ? 0 : 1);
        }
        int status = -1;
        waitpid(child, &status, 0);
        if (status != 0)
            atomic_fetch_add(&failures, 1);
    }
    atomic_store(&stop, 1);
    return NULL;
}

static void a_fork_child_finds_it_whole(void **state)
{
    uint64_t contended = health_counts[HEALTH_books_contended];
    in_threads(3, fork_often);
    atomic_store(&stop, 0);
    assert_int_equal(failures, 0);
    assert_int_equal(health_counts[HEALTH_books_contended], contended);
}

/* A handler that finds the lock held by its own thread gives up; it never
 * waits. Every entry is taken out or counted. */
static _Atomic uint64_t handled;

static void on_alarm(int number)
{
    (void)number;
    struct holding_copy got, h = stream_of(0x500, 5);
    key_enter(&h);
    key_take(CTT_KIND_STREAM, 0x500, &got);
    atomic_fetch_add(&handled, 1);
}

static void a_signal_handler_never_waits(void **state)
{
    struct sigaction act = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &act, NULL);
    struct itimerval often = {{0, 200}, {0, 200}};
    setitimer(ITIMER_REAL, &often, NULL);
    while (atomic_load(&handled) < 500)
        churn((void *)(intptr_t)3);
    struct itimerval never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &never, NULL);
    assert_int_equal(failures, 0);
}

int main(void)
{
    clock_begin();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_apart),
        cmocka_unit_test(entering_twice_tells),
        cmocka_unit_test(acquired_again_is_taken_as_often),
        cmocka_unit_test(slots_are_used_again),
        cmocka_unit_test(a_table_that_empties_is_kept),
        cmocka_unit_test(a_kind_is_dropped_whole),
        cmocka_unit_test(threads_lose_nothing),
        cmocka_unit_test(a_fork_child_finds_it_whole),
        cmocka_unit_test(a_signal_handler_never_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
