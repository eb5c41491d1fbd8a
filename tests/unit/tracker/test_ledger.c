/* SPDX-License-Identifier: MIT */
/* The memory ledger: what is in it, what a scan shows, and that threads and
 * signal handlers neither lose nor double a block. hazard: E1, B4, E16, E17 */
#include "tests/unit/tracker/unit.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>

#include "preload/books/ledger.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"

static struct block block_of(uintptr_t address, uint64_t bytes)
{
    return (struct block){.address = address, .bytes = bytes, .stack = 7, .context = 1, .task = 1};
}

static void add_take_and_unknown(void **state)
{
    struct block was, b = block_of(0x7f0000001000, 48);
    ledger_add(&b);
    assert_true(ledger_take(b.address, &was));
    assert_int_equal(was.bytes, 48);
    assert_int_equal(was.stack, 7);
    assert_false(ledger_take(b.address, &was));
    assert_false(ledger_take(0x10, &was));
    assert_false(ledger_take(UINT64_C(0xffff800000000000), &was));
}

static void an_inner_address_is_not_a_block(void **state)
{
    struct block was, b = block_of(0x7f0000002000, 48);
    ledger_add(&b);
    assert_false(ledger_take(b.address + 8, &was)); /* the same granule */
    assert_true(ledger_take(b.address, &was));
}

static void a_second_block_replaces(void **state)
{
    uint64_t replaced = health_counts[HEALTH_blocks_replaced];
    struct block was, a = block_of(0x7f0000003000, 1), b = block_of(0x7f0000003000, 2);
    ledger_add(&a);
    ledger_add(&b);
    assert_int_equal(health_counts[HEALTH_blocks_replaced], replaced + 1);
    assert_true(ledger_take(b.address, &was));
    assert_int_equal(was.bytes, 2);
}

struct sum {
    uint64_t count, bytes;
};

static void sum_one(const struct block *block, void *arg)
{
    struct sum *sum = arg;
    sum->count++;
    sum->bytes += block->bytes;
}

static void a_scan_shows_exactly_the_live_ones(void **state)
{
    enum { N = 100000 };
    const uintptr_t base = 0x550000000000;
    for (uintptr_t i = 0; i < N; i++) {
        struct block b = block_of(base + i * 64, i);
        ledger_add(&b);
    }
    struct block was;
    for (uintptr_t i = 0; i < N; i += 2)
        assert_true(ledger_take(base + i * 64, &was));
    struct sum sum = {0, 0};
    ledger_scan(sum_one, &sum);
    assert_int_equal(sum.count, N / 2);
    assert_int_equal(sum.bytes, (uint64_t)N / 2 * (N / 2));
    for (uintptr_t i = 1; i < N; i += 2)
        assert_true(ledger_take(base + i * 64, &was));
    assert_int_equal(ledger_live_blocks(), 0);
}

/* Each thread adds and takes in a range of its own, and hands every fourth
 * block to its neighbour, who takes it: records travel between free lists. */
#define ROUNDS  40000u
#define WORKERS 4
static _Atomic uintptr_t handed[WORKERS];
static _Atomic uint64_t failures;

static void take_handed(intptr_t me)
{
    struct block was;
    uintptr_t address = atomic_exchange(&handed[me], 0);
    if (address && (!ledger_take(address, &was) || was.bytes != (address >> 6) % 1000))
        atomic_fetch_add(&failures, 1);
}

static void *churn(void *arg)
{
    intptr_t me = (intptr_t)arg;
    uintptr_t base = UINT64_C(0x600000000000) + ((uintptr_t)me << 32);
    struct block was;
    for (uintptr_t i = 0; i < ROUNDS; i++) {
        uintptr_t address = base + i * 64;
        struct block b = block_of(address, (address >> 6) % 1000);
        ledger_add(&b);
        uintptr_t none = 0;
        if (i % 4 || !atomic_compare_exchange_strong(&handed[(me + 1) % WORKERS], &none, address))
            if (!ledger_take(address, &was) || was.bytes != b.bytes)
                atomic_fetch_add(&failures, 1);
        take_handed(me);
    }
    return NULL;
}

static void threads_lose_nothing(void **state)
{
    in_threads(WORKERS, churn);
    for (intptr_t i = 0; i < WORKERS; i++)
        take_handed(i);
    assert_int_equal(failures, 0);
    assert_int_equal(ledger_live_blocks(), 0);
}

/* A scan beside a busy thread shows only blocks that make sense. */
static void check_one(const struct block *block, void *arg)
{
    if (block->bytes != (block->address >> 6) % 1000)
        atomic_fetch_add(&failures, 1);
    ++*(uint64_t *)arg;
}

static void *scan_while_busy(void *arg)
{
    if ((intptr_t)arg != 0)
        return churn(arg);
    uint64_t seen = 0;
    for (int i = 0; i < 20; i++)
        ledger_scan(check_one, &seen);
    return NULL;
}

static void a_scan_beside_threads_is_never_torn(void **state)
{
    in_threads(WORKERS, scan_while_busy);
    for (intptr_t i = 0; i < WORKERS; i++)
        take_handed(i);
    /* Thread 0 only scanned, so what was handed to it may still be there. */
    assert_int_equal(failures, 0);
}

/* One block after the other at one address, which most often gets the record of
 * the one before: every field of a block says which one it is. */
#ifdef __SANITIZE_THREAD__
#define SCANS 200
#else
#define SCANS 12000
#endif
static _Atomic bool scans_over;

static void check_whole(const struct block *block, void *arg)
{
    uint32_t which = block->stack;
    if (block->bytes != which || block->context != which || block->task != which)
        atomic_fetch_add(&failures, 1);
    ++*(uint64_t *)arg;
}

static void *reuse_or_scan(void *arg)
{
    const uintptr_t address = UINT64_C(0x640000000000);
    struct block was;
    for (uint32_t which = 1; (intptr_t)arg == 0 && !atomic_load(&scans_over); which++) {
        struct block b = {
            .address = address, .bytes = which, .stack = which, .context = which, .task = which};
        ledger_add(&b);
        ledger_take(address, &was);
    }
    if ((intptr_t)arg == 0)
        return NULL;
    uint64_t seen = 0;
    for (int i = 0; i < SCANS; i++)
        ledger_scan(check_whole, &seen);
    atomic_store(&scans_over, true);
    return NULL;
}

static void a_scan_mixes_no_two_blocks_of_one_address(void **state)
{
    in_threads(2, reuse_or_scan);
    assert_int_equal(failures, 0);
}

/* A handler that interrupts add and take at any instruction and does the same. */
static _Atomic uint64_t handled;

static void on_alarm(int number)
{
    (void)number;
    static _Atomic uintptr_t next = UINT64_C(0x650000000000);
    uintptr_t address = atomic_fetch_add(&next, 64);
    struct block was, b = block_of(address, 5);
    ledger_add(&b);
    if (!ledger_take(address, &was) || was.bytes != 5)
        atomic_fetch_add(&failures, 1);
    atomic_fetch_add(&handled, 1);
}

static void churn_alone(void)
{
    churn((void *)(intptr_t)3);
    for (intptr_t i = 0; i < WORKERS; i++)
        take_handed(i);
}

static void a_signal_handler_may_use_it(void **state)
{
    struct sigaction act = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &act, NULL);
    struct itimerval often = {{0, 200}, {0, 200}};
    setitimer(ITIMER_REAL, &often, NULL);
    while (atomic_load(&handled) < 500)
        churn_alone();
    struct itimerval never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &never, NULL);
    assert_int_equal(failures, 0);
}

int main(void)
{
    clock_begin();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(add_take_and_unknown),
        cmocka_unit_test(an_inner_address_is_not_a_block),
        cmocka_unit_test(a_second_block_replaces),
        cmocka_unit_test(a_scan_shows_exactly_the_live_ones),
        cmocka_unit_test(threads_lose_nothing),
        cmocka_unit_test(a_scan_beside_threads_is_never_torn),
        /* After the others: what they leave drives the record from the caches, and
         * reading it takes longer. */
        cmocka_unit_test(a_scan_mixes_no_two_blocks_of_one_address),
        cmocka_unit_test(a_signal_handler_may_use_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
