/* SPDX-License-Identifier: MIT */
/*
 * What hooks enter and take out, and which closes are called mishaps: the
 * families with the real books, a stack that the test names, and no hook.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "preload/hooks/family.h"

/* ---- fakes ---- */

static uint32_t here; /* the stack that the next call is made from */

uint32_t stack_capture(const struct call_site *site, const void *entry)
{
    return here;
}

struct stack_tally *stack_tally(uint32_t id)
{
    return NULL;
}

static struct stack_note notes[1024];

struct stack_note *stack_note(uint32_t id)
{
    return id < 1024 ? &notes[id] : NULL;
}

void *hook_resolve(struct hook *hook)
{
    return (void *)1;
}

struct notify notify;

static struct hook hook = {.name = "test"};
static const struct call_site site;

/* ---- what a program does ---- */

static void program_opens(int fd, uint32_t stack)
{
    here = stack;
    descriptor_acquired(&hook, &site, fd, CTT_KIND_FD, DETAIL_FILE);
}

/* `error` is what the kernel says. */
static void program_closes(int fd, uint32_t stack, int error)
{
    struct fd_release release;
    here = stack;
    fd_releasing(&release, &hook, &site, fd);
    errno = error;
    fd_released(&release, error ? -1 : 0);
    assert_int_equal(errno, error);
}

static unsigned mishaps_of(enum ctt_mishap_id id, uint32_t stack, struct ctt_mishap *ret_last)
{
    struct ctt_mishap fact;
    unsigned found = 0;
    for (uint32_t i = 0; mishap_read(i, &fact); i++) {
        if (fact.id != id || fact.stack != stack)
            continue;
        found++;
        *ret_last = fact;
    }
    return found;
}

/* ---- closing twice ---- */

static void test_double_close_has_all_stacks(void **state)
{
    struct ctt_mishap fact;
    program_opens(10, 101);
    program_closes(10, 102, 0);
    program_closes(10, 103, EBADF);
    assert_int_equal(mishaps_of(CTT_MISHAP_DOUBLE_CLOSE, 103, &fact), 1);
    assert_int_equal(fact.handle, 10);
    assert_int_equal(fact.acquired_stack, 101);
    assert_int_equal(fact.released_stack, 102);
}

static void test_number_never_seen_is_no_mishap(void **state)
{
    struct ctt_mishap fact;
    program_closes(400, 111, EBADF);
    assert_int_equal(mishaps_of(CTT_MISHAP_DOUBLE_CLOSE, 111, &fact), 0);
}

/* hazard: B5: what a sweep hit first is withdrawn once it is known for one. */
static void test_sweep_is_no_mishap(void **state)
{
    struct ctt_mishap fact;
    for (int fd = 20; fd < 23; fd++) {
        program_opens(fd, 121);
        program_closes(fd, 122, 0);
    }
    program_closes(20, 123, EBADF);
    assert_int_equal(mishaps_of(CTT_MISHAP_DOUBLE_CLOSE, 123, &fact), 1);
    program_closes(21, 123, EBADF);
    program_closes(22, 123, EBADF);
    assert_int_equal(mishaps_of(CTT_MISHAP_DOUBLE_CLOSE, 123, &fact), 0);
}

static void test_blind_closer_stays_blind(void **state)
{
    struct ctt_mishap fact;
    program_closes(401, 131, EBADF);
    program_opens(30, 132);
    program_closes(30, 133, 0);
    program_closes(30, 131, EBADF);
    assert_int_equal(mishaps_of(CTT_MISHAP_DOUBLE_CLOSE, 131, &fact), 0);
}

static void test_close_of_nothing_is_no_mishap(void **state)
{
    struct ctt_mishap fact;
    program_closes(-1, 141, EBADF);
    assert_int_equal(mishaps_of(CTT_MISHAP_DOUBLE_CLOSE, 141, &fact), 0);
}

/* hazard: E3: a close that was interrupted has closed. */
static void test_interrupted_close_releases(void **state)
{
    struct holding_copy copy;
    program_opens(40, 151);
    program_closes(40, 152, EINTR);
    assert_false(fd_read(40, &copy));
}

/* hazard: E3: it is told, and is no occasion. */
static void test_failed_close_is_noted(void **state)
{
    struct ctt_mishap fact;
    uint32_t before = mishap_count();
    program_opens(41, 161);
    program_closes(41, 162, EIO);
    assert_int_equal(mishaps_of(CTT_MISHAP_FAILED_CLOSE, 162, &fact), 1);
    assert_int_equal(fact.error, EIO);
    assert_int_equal(fact.handle, 41);
    assert_int_equal(fact.acquired_stack, 161);
    assert_int_equal(mishap_count(), before);
}

/* ---- what belongs to a stream ---- */

static void test_close_behind_a_stream(void **state)
{
    struct ctt_mishap fact;
    FILE *stream = tmpfile();
    here = 201;
    stream_acquired(&hook, &site, stream, DETAIL_TEMPORARY);
    program_closes(fileno(stream), 202, 0);
    assert_int_equal(mishaps_of(CTT_MISHAP_CLOSED_BEHIND_OWNER, 202, &fact), 1);
    assert_int_equal(fact.owner, (uintptr_t)stream);
    assert_int_equal(fact.owner_kind, CTT_KIND_STREAM);
    assert_int_equal(fact.acquired_stack, 201);
    stream_releasing(&hook, &site, stream);
    fclose(stream);
}

static void test_stream_goes_with_its_descriptor(void **state)
{
    struct holding_copy copy;
    FILE *stream = tmpfile();
    int fd = fileno(stream);
    program_opens(fd, 211);
    stream_adopted(&hook, &site, stream);
    assert_true(fd_read(fd, &copy));
    assert_int_equal(copy.stack, 211);
    assert_int_equal(copy.owner, (uintptr_t)stream);
    stream_releasing(&hook, &site, stream);
    assert_false(fd_read(fd, &copy));
    assert_false(key_read(CTT_KIND_STREAM, (uintptr_t)stream, &copy));
    fclose(stream);
}

/* ---- dup2 ---- */

static void test_failed_dup2_changes_nothing(void **state)
{
    struct holding_copy copy;
    struct fd_release release;
    program_opens(50, 301);
    here = 302;
    fd_replacing(&release, &hook, &site, 50);
    assert_false(fd_read(50, &copy));
    fd_replaced(&release, 51, -1);
    assert_true(fd_read(50, &copy));
    assert_int_equal(copy.stack, 301);
    assert_int_equal(notes[301].released_stack, 0);
    fd_replacing(&release, &hook, &site, 50);
    fd_replaced(&release, 51, 50);
    assert_int_equal(notes[301].released_stack, 302);
}

static void test_dup2_onto_a_stream_stays_its_part(void **state)
{
    struct holding_copy copy;
    struct fd_release release;
    program_opens(60, 311);
    fd_set_owner(60, 4242, CTT_KIND_STREAM);
    here = 312;
    fd_replacing(&release, &hook, &site, 60);
    fd_replaced(&release, 50, 60);
    assert_true(fd_read(60, &copy));
    assert_int_equal(copy.stack, 312);
    assert_int_equal(copy.owner, 4242);
    assert_true(copy.flags & CTT_HOLDING_OWNED);
}

/* ---- copies ---- */

static void test_copy_knows_what_it_is_of(void **state)
{
    uint32_t source, stack;
    program_opens(80, 321);
    here = 322;
    duplicate_acquired(&hook, &site, 80, 81);
    fd_source(81, &source, &stack);
    assert_int_equal(source, 81);
    assert_int_equal(stack, 321);
    struct fd_release release;
    fd_replacing(&release, &hook, &site, 82);
    fd_replaced(&release, 81, 82);
    fd_source(82, &source, &stack);
    assert_int_equal(source, 82);
    assert_int_equal(stack, 322);
}

/* ---- limits ---- */

static void test_limit_is_noted_with_what_is_held(void **state)
{
    struct ctt_mishap fact;
    here = 401;
    errno = EMFILE;
    descriptor_acquired(&hook, &site, -1, CTT_KIND_SOCKET, DETAIL_TCP);
    assert_int_equal(mishaps_of(CTT_MISHAP_LIMIT, 401, &fact), 1);
    assert_int_equal(fact.error, EMFILE);
    assert_int_equal(fact.live, fd_live());
    here = 402;
    errno = ENOENT;
    descriptor_acquired(&hook, &site, -1, CTT_KIND_FD, DETAIL_FILE);
    assert_int_equal(mishaps_of(CTT_MISHAP_LIMIT, 402, &fact), 0);
}

/* ---- failed calls ---- */

static void program_fails_to_open(uint32_t stack, int error)
{
    here = stack;
    errno = error;
    descriptor_acquired(&hook, &site, -1, CTT_KIND_FD, DETAIL_FILE);
    assert_int_equal(errno, error);
}

static void program_uses(int fd, uint32_t stack, int error, short events, size_t count)
{
    here = stack;
    errno = error;
    fd_use_failed(&hook, &site, fd, events, count);
    assert_int_equal(errno, error);
}

static void test_use_of_no_descriptor(void **state)
{
    struct ctt_mishap fact;
    memset(room_get()->failures, 0, sizeof room_get()->failures);
    program_uses(-1, 601, EBADF, POLLIN, 0);
    assert_int_equal(mishaps_of(CTT_MISHAP_IGNORED_FD, 601, &fact), 0); /* nothing failed */
    program_fails_to_open(602, ENOENT);
    program_closes(-1, 603, EBADF);
    assert_int_equal(mishaps_of(CTT_MISHAP_IGNORED_FD, 603, &fact), 0);
    program_uses(-1, 604, EFAULT, POLLIN, 0);
    assert_int_equal(mishaps_of(CTT_MISHAP_IGNORED_FD, 604, &fact), 0);
    program_uses(-2, 605, EBADF, POLLIN, 0);
    assert_int_equal(mishaps_of(CTT_MISHAP_IGNORED_FD, 605, &fact), 0);
    program_uses(-1, 606, EBADF, 0, 0);
    assert_int_equal(mishaps_of(CTT_MISHAP_IGNORED_FD, 606, &fact), 1);
    assert_int_equal(fact.error, ENOENT);
    assert_int_equal(fact.acquired_stack, 602);
}

/* dup2 says the same of any number that is none. */
static void test_duplicate_of_no_descriptor(void **state)
{
    static const struct {
        int from;
        unsigned mishaps;
    } rows[] = {{99, 0}, {-1, 1}};
    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ctt_mishap fact;
        struct fd_release release;
        program_fails_to_open(607, ENOENT);
        here = 608 + i;
        fd_replacing(&release, &hook, &site, 81);
        errno = EBADF;
        fd_replaced(&release, rows[i].from, -1);
        assert_int_equal(mishaps_of(CTT_MISHAP_IGNORED_FD, 608 + i, &fact), rows[i].mishaps);
    }
}

/* accept(-1) fails for the reason for which there is no listener. */
static void test_first_failure_is_told(void **state)
{
    struct ctt_mishap fact;
    program_fails_to_open(611, EACCES);
    program_fails_to_open(612, EBADF);
    program_uses(-1, 613, EBADF, POLLIN, 0);
    assert_int_equal(mishaps_of(CTT_MISHAP_IGNORED_FD, 613, &fact), 1);
    assert_int_equal(fact.acquired_stack, 611);
}

static void test_count_of_a_failed_read(void **state)
{
    struct ctt_mishap fact;
    program_uses(5, 621, EAGAIN, POLLIN, 0);
    program_uses(6, 622, EFAULT, POLLOUT, 100);
    assert_int_equal(mishaps_of(CTT_MISHAP_IGNORED_COUNT, 622, &fact), 0);
    program_uses(6, 623, EFAULT, POLLOUT, SIZE_MAX);
    assert_int_equal(mishaps_of(CTT_MISHAP_IGNORED_COUNT, 623, &fact), 1);
    assert_int_equal(fact.error, EAGAIN);
    assert_int_equal(fact.acquired_stack, STACK_NONE);
    program_uses(5, 624, EIO, POLLIN, 0);
    program_uses(6, 623, EFAULT, POLLOUT, SIZE_MAX);
    assert_int_equal(mishaps_of(CTT_MISHAP_IGNORED_COUNT, 623, &fact), 2);
    assert_int_equal(fact.acquired_stack, 624);
}

static void test_lost_data_is_noted(void **state)
{
    static const int losses[] = {EIO, ENOSPC, EDQUOT, EFBIG}, others[] = {EPIPE, EINTR, EAGAIN};
    struct ctt_mishap fact;
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        program_uses(7, 631, losses[i], POLLOUT, 1);
        assert_int_equal(mishaps_of(CTT_MISHAP_FAILED_WRITE, 631, &fact), i + 1);
        assert_int_equal(fact.error, losses[i]);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        program_uses(7, 632, others[i], POLLOUT, 1);
    program_uses(7, 632, EIO, POLLIN, 0);
    assert_int_equal(mishaps_of(CTT_MISHAP_FAILED_WRITE, 632, &fact), 0);
    program_opens(80, 633);
    program_closes(80, 634, ENOSPC);
    assert_int_equal(mishaps_of(CTT_MISHAP_FAILED_CLOSE, 634, &fact), 1);
    assert_int_equal(fact.handle, 80);
}

/* ---- children ---- */

static void test_child_collected_before_it_is_entered(void **state)
{
    struct holding_copy copy;
    child_coming();
    child_collected(&hook, &site, 5001);
    child_acquired(&hook, &site, 5001, DETAIL_FORK);
    assert_false(key_read(CTT_KIND_PROCESS, 5001, &copy));
}

static void test_stranger_collected_is_forgotten(void **state)
{
    struct holding_copy copy;
    child_collected(&hook, &site, 5002);
    child_coming();
    child_acquired(&hook, &site, 5002, DETAIL_FORK);
    assert_true(key_read(CTT_KIND_PROCESS, 5002, &copy));
    child_collected(&hook, &site, 5002);
    assert_false(key_read(CTT_KIND_PROCESS, 5002, &copy));
}

/* ---- fork ---- */

/* Last: forgiving is for good. */
static void test_fork_child_is_forgiven(void **state)
{
    struct ctt_mishap fact;
    program_opens(70, 501);
    program_closes(70, 502, 0);
    closes_forgive();
    program_closes(70, 503, EBADF);
    assert_int_equal(mishaps_of(CTT_MISHAP_DOUBLE_CLOSE, 503, &fact), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_double_close_has_all_stacks),
        cmocka_unit_test(test_number_never_seen_is_no_mishap),
        cmocka_unit_test(test_sweep_is_no_mishap),
        cmocka_unit_test(test_blind_closer_stays_blind),
        cmocka_unit_test(test_close_of_nothing_is_no_mishap),
        cmocka_unit_test(test_interrupted_close_releases),
        cmocka_unit_test(test_failed_close_is_noted),
        cmocka_unit_test(test_close_behind_a_stream),
        cmocka_unit_test(test_stream_goes_with_its_descriptor),
        cmocka_unit_test(test_failed_dup2_changes_nothing),
        cmocka_unit_test(test_dup2_onto_a_stream_stays_its_part),
        cmocka_unit_test(test_copy_knows_what_it_is_of),
        cmocka_unit_test(test_limit_is_noted_with_what_is_held),
        cmocka_unit_test(test_use_of_no_descriptor),
        cmocka_unit_test(test_duplicate_of_no_descriptor),
        cmocka_unit_test(test_first_failure_is_told),
        cmocka_unit_test(test_count_of_a_failed_read),
        cmocka_unit_test(test_lost_data_is_noted),
        cmocka_unit_test(test_child_collected_before_it_is_entered),
        cmocka_unit_test(test_stranger_collected_is_forgotten),
        cmocka_unit_test(test_fork_child_is_forgiven),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
