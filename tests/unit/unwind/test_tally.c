/* SPDX-License-Identifier: MIT */
/*
 * Counting blocks by stack: nothing is lost and nothing doubled, whichever slot
 * a thread counts in, and a slot is used where a stack comes back. Also built
 * with the thread sanitizer.
 */
#include "unit.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#include "preload/facts/stack.h"
#include "preload/facts/tally.h"
#include "preload/ground/room.h"

#define THREADS 4
#define STACKS  200u /* more than there are slots */
#define ROUNDS  4000u
#define BYTES   24u

static const char entry[1];
static uint32_t ids[STACKS];

static void stacks_make(uint64_t base)
{
    for (unsigned n = 0; n < STACKS; n++) {
        uint64_t pc = base + n;
        ids[n] = stack_intern(&pc, 1, CTT_CUT_NONE, entry);
    }
}

struct sums {
    uint64_t count, bytes;
    uint32_t only; /* 0: all of ids[] */
};

static void pending_sum(uint32_t stack, uint32_t count, uint64_t bytes, void *arg)
{
    struct sums *sums = arg;
    for (unsigned n = 0; n < STACKS; n++)
        if (ids[n] == stack && (!sums->only || sums->only == stack)) {
            sums->count += count;
            sums->bytes += bytes;
        }
}

static struct sums sums_of(uint32_t only)
{
    struct sums sums = {.only = only};
    tally_each_pending(pending_sum, &sums);
    for (unsigned n = 0; n < STACKS; n++)
        if (!only || only == ids[n]) {
            sums.count += stack_tally(ids[n])->acquired;
            sums.bytes += stack_tally(ids[n])->bytes;
        }
    return sums;
}

static void one_stack_in_its_slot(void **state)
{
    stacks_make(0x200000);
    room_get();
    for (unsigned n = 0; n < ROOM_TALLY_FULL / 2; n++)
        tally_block(ids[0], BYTES);
    struct sums sums = sums_of(ids[0]);
    assert_int_equal(sums.count, ROOM_TALLY_FULL / 2);
    assert_int_equal(sums.bytes, ROOM_TALLY_FULL / 2 * BYTES);
    /* The shared line has been written to only until the slot was this stack's. */
    assert_in_range(stack_tally(ids[0])->acquired, 1, 2);
    for (unsigned n = 0; n < 10 * ROOM_TALLY_FULL; n++)
        tally_block(ids[0], BYTES);
    assert_int_equal(sums_of(ids[0]).count, ROOM_TALLY_FULL / 2 + 10 * ROOM_TALLY_FULL);
}

static void no_stack_no_count(void **state)
{
    uint64_t before = sums_of(0).count;
    tally_block(STACK_NONE, BYTES);
    assert_int_equal(sums_of(0).count, before);
}

static void *counting_thread(void *arg)
{
    unsigned me = (unsigned)(uintptr_t)arg;
    room_get();
    for (unsigned n = 0; n < ROUNDS; n++) {
        tally_block(ids[0], BYTES);
        tally_block(ids[(n * 7 + me) % STACKS], BYTES);
        tally_block(ids[(n / 16) % STACKS], BYTES);
    }
    room_leave(); /* the room and what stands in it go to the next thread */
    return NULL;
}

static void many_threads(void **state)
{
    stacks_make(0x300000);
    for (unsigned turn = 0; turn < 2; turn++) {
        pthread_t threads[THREADS];
        for (unsigned t = 0; t < THREADS; t++)
            pthread_create(&threads[t], NULL, counting_thread, (void *)(uintptr_t)t);
        for (unsigned t = 0; t < THREADS; t++)
            pthread_join(threads[t], NULL);
    }
    struct sums sums = sums_of(0);
    assert_int_equal(sums.count, UINT64_C(2) * THREADS * ROUNDS * 3);
    assert_int_equal(sums.bytes, sums.count * BYTES);
}

static volatile sig_atomic_t handled;

static void on_timer(int number)
{
    for (unsigned n = 0; n < 3; n++)
        tally_block(ids[n * 64 % STACKS], BYTES);
    handled++;
}

/* A handler counts while a count is being made. */
static void interrupted(void **state)
{
    struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = on_timer};
    uint64_t counted = 0;
    stacks_make(0x400000);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    while (handled < 300) {
        tally_block(ids[counted % 3 * 64], BYTES);
        counted++;
    }
    setitimer(ITIMER_REAL, &never, NULL);
    assert_int_equal(sums_of(0).count, counted + 3u * (unsigned)handled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_stack_in_its_slot),
        cmocka_unit_test(no_stack_no_count),
        cmocka_unit_test(many_threads),
        cmocka_unit_test(interrupted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
