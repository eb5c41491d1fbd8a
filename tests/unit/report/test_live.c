/* SPDX-License-Identifier: MIT */
/*
 * What `ctxtrace tasks` reads out of another program's code, and in which system calls it may
 * stop a thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/futex.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "report/live_calls.h"
#include "report/live_prologue.h"

enum { CODE_AT = 0x1000, CODE_ROOM = 96 };

static const unsigned char *code;
static size_t code_bytes;

/* The other program's memory: `code`, and nothing behind it but what cannot be code. */
bool live_memory_read_constant(struct live_memory *memory, uint64_t address, void *ret,
                               size_t bytes)
{
    (void)memory;
    if (address < CODE_AT || address + bytes > CODE_AT + CODE_ROOM)
        return false;
    for (size_t i = 0; i < bytes; i++) {
        size_t at = address - CODE_AT + i;

        ((unsigned char *)ret)[i] = at < code_bytes ? code[at] : 0x90;
    }
    return true;
}

#define BYTES(...)                                                                                 \
    (const unsigned char[]){__VA_ARGS__}, sizeof((const unsigned char[]){__VA_ARGS__})

static const struct {
    const char *what;
    const unsigned char *bytes;
    size_t count;
    bool known;
    uint64_t distance;
} prologues[] = {
    {"push, mov", BYTES(0x55, 0x48, 0x89, 0xe5), true, 0},
    {"with endbr64", BYTES(0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x48, 0x89, 0xe5), true, 0},
    {"and sub of a byte", BYTES(0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x18), true, 0x18},
    {"and pushes of both kinds, and sub of a word",
     BYTES(0x55, 0x48, 0x89, 0xe5, 0x41, 0x57, 0x41, 0x54, 0x53, 0x48, 0x81, 0xec, 0x18, 0x01, 0,
           0),
     true, 0x118 + 3 * 8},
    {"and 128, as gcc writes it", BYTES(0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xc4, 0x80), true, 128},
    {"with moves in between",
     BYTES(0x55, 0x48, 0x89, 0xe5, 0x41, 0x57, 0x41, 0x56, 0x49, 0x89, 0xfe, 0x53, 0x89, 0xd3, 0x48,
           0x83, 0xec, 0x28),
     true, 0x28 + 3 * 8},
    {"not behind a move to rsp",
     BYTES(0x55, 0x48, 0x89, 0xe5, 0x53, 0x48, 0x89, 0xc4, 0x48, 0x83, 0xec, 0x28), true, 8},
    {"no frame pointer", BYTES(0x41, 0x57, 0x48, 0x83, 0xec, 0x18), false, 0},
    {"something before mov", BYTES(0x55, 0x31, 0xc0, 0x48, 0x89, 0xe5), false, 0},
    {"a part that was split off", BYTES(0xe8, 0, 0, 0, 0), false, 0},
};

static void test_prologues(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof prologues / sizeof *prologues; i++) {
        uint64_t distance = 0;

        code = prologues[i].bytes;
        code_bytes = prologues[i].count;
        if (live_prologue_read(NULL, CODE_AT, &distance) != prologues[i].known ||
            distance != prologues[i].distance)
            fail_msg("%s: %jd", prologues[i].what, (intmax_t)distance);
    }
    assert_false(live_prologue_read(NULL, CODE_AT + CODE_ROOM, &(uint64_t){0}));
}

static const struct {
    const unsigned char *bytes;
    size_t count;
    bool is_call;
} ends[] = {
    {BYTES(0x90, 0x90, 0xe8, 1, 2, 3, 4), true},              /* call near */
    {BYTES(0x90, 0xff, 0x15, 1, 2, 3, 4), true},              /* call *GOT(%rip) */
    {BYTES(0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xd0), true},  /* call *%rax */
    {BYTES(0x90, 0x90, 0x90, 0x90, 0x41, 0xff, 0xd4), true},  /* call *%r12 */
    {BYTES(0x90, 0x90, 0x90, 0x90, 0xff, 0x50, 0x10), true},  /* call *0x10(%rax) */
    {BYTES(0x90, 0x90, 0x90, 0xff, 0x54, 0x24, 0x08), true},  /* call *0x8(%rsp) */
    {BYTES(0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xe0), false}, /* jmp *%rax */
    {BYTES(0x90, 0x90, 0xe9, 1, 2, 3, 4), false},             /* jmp */
};

static void test_ends_of_calls(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        code = ends[i].bytes;
        code_bytes = ends[i].count;
        if (live_is_after_call(NULL, CODE_AT + ends[i].count) != ends[i].is_call)
            fail_msg("the %zuth", i);
    }
    assert_false(live_is_after_call(NULL, 3));
}

static bool may_stop(long number, unsigned argument, uint64_t value)
{
    struct live_call call = {.number = number};

    call.arguments[argument] = value;
    return live_call_may_stop(&call, getpid());
}

static void test_calls_that_go_on(void **state)
{
    int pair[2], ends_of_pipe[2];
    struct timeval limit = {.tv_sec = 5};

    (void)state;
    assert_true(may_stop(SYS_clock_nanosleep, 0, 0));
    assert_true(may_stop(SYS_poll, 0, 0));
    assert_true(may_stop(LIVE_CALL_RUNNING, 0, 0));
    assert_true(may_stop(SYS_futex, 1, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG));
    assert_false(may_stop(SYS_futex, 1, FUTEX_WAIT_REQUEUE_PI | FUTEX_PRIVATE_FLAG));
    assert_false(may_stop(SYS_epoll_wait, 3, (uint64_t)-1));
    assert_false(may_stop(SYS_rt_sigtimedwait, 2, 0));
    assert_false(may_stop(SYS_write, 0, 1));
    assert_false(may_stop(SYS_getrandom, 0, 0)); /* none that is known to go on */
    assert_false(may_stop(LIVE_CALL_NONE, 0, 0));
    assert_int_equal(pipe(ends_of_pipe), 0);
    assert_true(may_stop(SYS_read, 0, (uint64_t)ends_of_pipe[0]));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_true(may_stop(SYS_recvfrom, 0, (uint64_t)pair[0]));
    assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_false(may_stop(SYS_recvfrom, 0, (uint64_t)pair[0]));
    assert_false(may_stop(SYS_recvmsg, 2, MSG_WAITALL));
    assert_false(may_stop(SYS_read, 0, 9999)); /* closed meanwhile */
    close(pair[0]), close(pair[1]), close(ends_of_pipe[0]), close(ends_of_pipe[1]);
}

static void test_descriptions(void **state)
{
    struct live_call call = {.number = SYS_futex, .arguments = {0x7f00}};
    char text[64];

    (void)state;
    live_call_describe(&call, text, sizeof text);
    assert_string_equal(text, "futex 0x7f00");
    call = (struct live_call){.number = SYS_accept4, .arguments = {7}};
    live_call_describe(&call, text, sizeof text);
    assert_string_equal(text, "accept4 fd 7");
    call.number = 9999;
    live_call_describe(&call, text, sizeof text);
    assert_string_equal(text, "system call 9999");
    assert_int_equal(live_call_read(&call, getpid(), 1 << 30), -ESRCH);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prologues),
        cmocka_unit_test(test_ends_of_calls),
        cmocka_unit_test(test_calls_that_go_on),
        cmocka_unit_test(test_descriptions),
    };

    return cmocka_run_group_tests_name("report.live", tests, NULL, NULL);
}
