/* SPDX-License-Identifier: MIT */
/*
 * What the units of libctx share. The same programs are run with the shared and the static
 * library, under sanitizers, and with the tracker loaded.
 *
 * What Go's own tests of package context assert, and where it is asserted here:
 *
 *   the background and todo never end, and have no deadline            tree: roots_never_end
 *   a cancel ends the context, then its descendants, no other          tree: cancel_goes_down_only
 *   all have ended when cancel returns                                 tree, stress: storm
 *   a child of a context that has ended has ended                      tree: born_ended
 *   canceling twice changes nothing; the first cause wins, below, too  tree: first_cause_wins
 *   a child's cause stays its own when its parent ends later           tree: own_cause_stays
 *   a cancelled or released child is out of its parent's list          tree: parent_lets_go
 *   a context below one with a value ends with what is above it        tree: ends_through_values
 *   WithoutCancel: has values, no end, no deadline; born of an ended
 *   parent is alive                                                    tree: without_cancel_lives
 *   a deadline ends it with DeadlineExceeded; the causes of deadlines  time: deadline_passes
 *   an earlier deadline of the parent wins, a later one does not       time: earlier_deadline_wins
 *   a deadline that is past: has ended at once                         time: past_deadline
 *   a cancel before the deadline: Canceled, and it stays so            time: cancel_before_deadline
 *   values: nearest key wins, unknown keys have none, parents do not
 *   see their children's                                               labels: values
 *   AfterFunc: called once, after cancel, after the deadline, at once
 *   in an ended context, not before                                    after: called_X
 *   stop: true once, and only when it prevented the call               after: stop_X
 *   AfterFuncs do not wait for each other                              after: one_blocks_no_other
 *   deep and wide trees; many layers of all kinds                      tree: deep, wide, layers
 *   cancels, children and releases from many threads at once           stress: all
 */
#ifndef TESTS_UNIT_CTX_H
#define TESTS_UNIT_CTX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ctxtrace.h>

#define MILLISECOND         INT64_C(1000000)
#define A_WHILE             (20 * MILLISECOND)
#define LONG_ENOUGH         (60 * CTX_SECOND) /* a test that waits for so long has failed */
#define ARRAY_LENGTH(array) (sizeof(array) / sizeof *(array))

static inline uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Until the flag is set; false after LONG_ENOUGH. */
static inline bool comes(_Atomic int *flag, int value)
{
    uint64_t limit = monotonic_ns() + LONG_ENOUGH;
    struct timespec pause = {.tv_nsec = 100000};
    while (__atomic_load_n((int *)flag, __ATOMIC_SEQ_CST) != value) {
        if (monotonic_ns() > limit)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

static inline bool is_readable(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    return poll(&one, 1, 0) == 1 && (one.revents & POLLIN);
}

static inline void assert_cause(ctx_t *context, int code, const char *text)
{
    char buffer[256];
    assert_int_equal(ctx_cause(context, buffer, sizeof buffer), code);
    assert_string_equal(buffer, text);
}

#endif
