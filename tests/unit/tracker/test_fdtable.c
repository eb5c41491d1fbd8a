/* SPDX-License-Identifier: MIT */
/* The descriptor table: enter, take, what is remembered of a release, and that
 * a reader beside writers never sees a mixture. hazard: E1, E4, E16 */
#include "tests/unit/tracker/unit.h"

#include <stdatomic.h>

#include "preload/books/fdtable.h"
#include "preload/facts/task.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"

static struct holding_copy socket_of(int fd, uint32_t stack)
{
    return holding_now(CTT_KIND_SOCKET, DETAIL_TCP, (uint64_t)fd, stack);
}

static void enter_read_take(void **state)
{
    struct holding_copy h = socket_of(5, 41), got;
    fd_enter(5, &h);
    assert_true(fd_read(5, &got));
    assert_int_equal(got.stack, 41);
    assert_int_equal(got.detail, DETAIL_TCP);
    assert_true(fd_take(5, 42, &got));
    assert_int_equal(got.handle, 5);
    assert_false(fd_take(5, 43, &got));
    assert_false(fd_read(5, &got));
    struct holding *slot = fd_slot(5);
    assert_int_equal(slot->released_stack, 42);
    assert_int_equal(slot->released_acquired_stack, 41);
}

static void a_missed_release_is_counted(void **state)
{
    uint64_t missed = health_counts[HEALTH_fd_releases_missed];
    struct holding_copy a = socket_of(6, 1), b = socket_of(6, 2), got;
    fd_enter(6, &a);
    fd_enter(6, &b);
    assert_int_equal(health_counts[HEALTH_fd_releases_missed], missed + 1);
    assert_true(fd_take(6, 0, &got));
    assert_int_equal(got.stack, 2);
    assert_int_equal(fd_live(), 0);
}

static void numbers_beyond_the_table_are_counted(void **state)
{
    uint64_t beyond = health_counts[HEALTH_fds_beyond_table];
    struct holding_copy h = socket_of(FD_MAX, 1), got;
    fd_enter(FD_MAX, &h);
    fd_enter(-1, &h);
    assert_int_equal(health_counts[HEALTH_fds_beyond_table], beyond + 2);
    assert_false(fd_take(FD_MAX, 0, &got));
    h = socket_of(FD_MAX - 1, 1);
    fd_enter(FD_MAX - 1, &h);
    assert_int_equal(fd_limit(), FD_MAX);
    assert_true(fd_take(FD_MAX - 1, 0, &got));
}

static void an_owner_comes_and_goes(void **state)
{
    struct holding_copy h = socket_of(7, 1), got;
    fd_enter(7, &h);
    fd_set_owner(7, 0xf11e, CTT_KIND_STREAM);
    assert_true(fd_read(7, &got));
    assert_int_equal(got.owner, 0xf11e);
    assert_int_equal(got.flags & CTT_HOLDING_OWNED, CTT_HOLDING_OWNED);
    fd_set_owner(7, 0, 0);
    assert_true(fd_take(7, 0, &got));
    assert_int_equal(got.flags & CTT_HOLDING_OWNED, 0);
}

/* Every writer writes stack == bytes == owner; a reader must find them equal. */
#define ROUNDS 200000
static _Atomic uint64_t torn, reads;
static _Atomic int writers_left;

static void *write_or_read(void *arg)
{
    struct holding_copy got;
    if ((intptr_t)arg == 0) {
        while (atomic_load(&writers_left) > 0)
            if (fd_read(9, &got)) {
                atomic_fetch_add(&reads, 1);
                if (got.stack != got.bytes || got.stack != got.owner)
                    atomic_fetch_add(&torn, 1);
            }
        return NULL;
    }
    for (uint32_t i = 1; i < ROUNDS; i++) {
        struct holding_copy h = socket_of(9, i);
        h.bytes = h.owner = i;
        fd_enter(9, &h);
        fd_take(9, i, &got);
    }
    atomic_fetch_sub(&writers_left, 1);
    return NULL;
}

static void a_reader_never_sees_a_mixture(void **state)
{
    atomic_store(&writers_left, 1);
    in_threads(2, write_or_read);
    assert_int_equal(torn, 0);
}

int main(void)
{
    clock_begin();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enter_read_take),
        cmocka_unit_test(a_missed_release_is_counted),
        cmocka_unit_test(numbers_beyond_the_table_are_counted),
        cmocka_unit_test(an_owner_comes_and_goes),
        cmocka_unit_test(a_reader_never_sees_a_mixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
