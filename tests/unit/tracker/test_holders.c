/* SPDX-License-Identifier: MIT */
/* Who held what when a limit was hit: by stack, the largest first, nothing lost in
 * the sum, once for each sort of failure. */
#include "tests/unit/tracker/unit.h"

#include <errno.h>

#include "preload/books/fdtable.h"
#include "preload/books/holders.h"
#include "preload/books/keytable.h"
#include "preload/books/ledger.h"

#define FD_FIRST 100
#define ADDRESS  UINT64_C(0x7f5500000000)

static uint32_t rows_of(int error, struct ctt_holder *ret_rows, uint64_t *ret_count)
{
    struct ctt_holder row;
    uint32_t rows = 0;
    *ret_count = 0;
    for (uint32_t i = 0; holders_read(i, &row); i++) {
        if (row.error != (uint32_t)error)
            continue;
        ret_rows[rows++] = row;
        *ret_count += row.count;
    }
    return rows;
}

static void fds_enter(int first, int count, uint32_t stack)
{
    for (int fd = first; fd < first + count; fd++) {
        struct holding_copy holding = holding_now(CTT_KIND_SOCKET, DETAIL_TCP, (uint64_t)fd, stack);
        fd_enter(fd, &holding);
    }
}

static void fds_take(int first, int count)
{
    struct holding_copy was;
    for (int fd = first; fd < first + count; fd++)
        assert_true(fd_take(fd, 1, &was));
}

static void descriptors_by_stack_the_largest_first(void **state)
{
    (void)state;
    struct ctt_holder rows[64];
    uint64_t count;
    fds_enter(FD_FIRST, 3, 7);
    fds_enter(FD_FIRST + 3, 9, 8);
    assert_int_equal(holders_live(EMFILE), fd_live());
    holders_note(EMFILE);
    assert_int_equal(rows_of(EMFILE, rows, &count), 2);
    assert_int_equal(rows[0].stack, 8);
    assert_int_equal(rows[0].count, 9);
    assert_int_equal(rows[0].kind, CTT_KIND_SOCKET);
    assert_int_equal(rows[1].stack, 7);
    assert_int_equal(rows[1].count, 3);
    fds_take(FD_FIRST, 12);
    /* What is seen is the first moment. */
    holders_note(EMFILE);
    assert_int_equal(rows_of(EMFILE, rows, &count), 2);
    assert_int_equal(count, 12);
    holders_forget();
    assert_int_equal(rows_of(EMFILE, rows, &count), 0);
}

static void a_part_is_its_owners(void **state)
{
    (void)state;
    struct ctt_holder rows[64];
    uint64_t count;
    fds_enter(FD_FIRST, 1, 7);
    fd_set_owner(FD_FIRST, ADDRESS, CTT_KIND_STREAM);
    holders_note(ENFILE);
    assert_int_equal(rows_of(ENFILE, rows, &count), 1);
    assert_int_equal(rows[0].kind, CTT_KIND_STREAM);
    fds_take(FD_FIRST, 1);
    holders_forget();
}

static void threads_and_children(void **state)
{
    (void)state;
    struct ctt_holder rows[64];
    uint64_t count;
    struct holding_copy was;
    for (uint64_t i = 1; i <= 5; i++) {
        struct holding_copy holding =
            holding_now(i < 4 ? CTT_KIND_THREAD : CTT_KIND_PROCESS, DETAIL_NONE, i, 9);
        key_enter(&holding);
    }
    struct holding_copy stream = holding_now(CTT_KIND_STREAM, DETAIL_NONE, ADDRESS, 9);
    key_enter(&stream);
    assert_int_equal(holders_live(EAGAIN), 5);
    holders_note(EAGAIN);
    assert_int_equal(rows_of(EAGAIN, rows, &count), 2);
    assert_int_equal(count, 5);
    assert_int_equal(rows[0].kind, CTT_KIND_THREAD);
    key_take(CTT_KIND_STREAM, ADDRESS, &was);
    for (uint64_t i = 1; i <= 5; i++)
        key_take(i < 4 ? CTT_KIND_THREAD : CTT_KIND_PROCESS, i, &was);
    holders_forget();
}

/* More stacks than are listed, and more than are told apart. */
static void many_stacks_lose_nothing(void **state)
{
    (void)state;
    enum { STACKS = 6000 };
    struct ctt_holder rows[64];
    uint64_t count, bytes = 0;
    struct block was;
    for (uint32_t i = 0; i < STACKS; i++) {
        struct block block = {.address = ADDRESS + i * 64u, .bytes = i + 1, .stack = i + 1};
        ledger_add(&block);
    }
    holders_note(ENOMEM);
    assert_int_equal(rows_of(ENOMEM, rows, &count), 17);
    assert_int_equal(count, STACKS);
    for (uint32_t i = 0; i < 17; i++)
        bytes += rows[i].bytes;
    assert_int_equal(bytes, (uint64_t)STACKS * (STACKS + 1) / 2);
    assert_true(rows[0].bytes >= rows[1].bytes && rows[14].bytes >= rows[15].bytes);
    assert_int_equal(rows[16].kind, 0);
    assert_int_equal(rows[16].stack, 0);
    for (uint32_t i = 0; i < STACKS; i++)
        assert_true(ledger_take(ADDRESS + i * 64u, &was));
    holders_forget();
}

static void other_errors_are_no_limits(void **state)
{
    (void)state;
    struct ctt_holder row;
    fds_enter(FD_FIRST, 1, 7);
    holders_note(EBADF);
    holders_note(0);
    assert_false(holders_read(0, &row));
    fds_take(FD_FIRST, 1);
}

static void *fail_at_once(void *unused)
{
    (void)unused;
    holders_note(EMFILE);
    return NULL;
}

static void threads_that_fail_at_once_are_one_failure(void **state)
{
    (void)state;
    struct ctt_holder rows[64];
    uint64_t count;
    fds_enter(FD_FIRST, 20, 7);
    in_threads(4, fail_at_once);
    assert_int_equal(rows_of(EMFILE, rows, &count), 1);
    assert_int_equal(count, 20);
    fds_take(FD_FIRST, 20);
    holders_forget();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_by_stack_the_largest_first),
        cmocka_unit_test(a_part_is_its_owners),
        cmocka_unit_test(threads_and_children),
        cmocka_unit_test(many_stacks_lose_nothing),
        cmocka_unit_test(other_errors_are_no_limits),
        cmocka_unit_test(threads_that_fail_at_once_are_one_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
