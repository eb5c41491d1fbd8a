/* SPDX-License-Identifier: MIT */
/*
 * Memoised captures: they are used where the stack is the same, and never give
 * another stack than a walk of all of it would. Every capture here is checked
 * against such a walk.
 */
#include "unit.h"

#include <alloca.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

#include "preload/facts/stack.h"
#include "preload/ground/room.h"

#define DEPTH    500
#define UNUSED   0x77
#define NOINLINE __attribute__((noinline))

static const char entry[1], entry_other[1];
static unsigned long differences, captures;
static uint32_t last;

static const void *called = entry;
static void trap(int on);

/* Captures, and walks: the same id, or the difference is counted. With
 * `steps_left` the capture is single-stepped, and left after so many. */
static volatile unsigned long steps_left;

static NOINLINE void capture(void)
{
    uint64_t pcs[DEPTH];
    struct call_site site = CALL_SITE();
    enum ctt_cut cut;
    if (steps_left)
        trap(1);
    uint32_t id = stack_capture(&site, called);
    if (steps_left)
        trap(0);
    uint32_t limit = stack_depth_limit;
    size_t count = unwind_walk(&site, pcs, limit < DEPTH ? limit : DEPTH, &cut);
    captures++;
    /* None: it interrupted two others, which hold the buffers. */
    differences += id != STACK_NONE && id != stack_intern(pcs, count, cut, called);
    last = id;
    __asm__ volatile("" ::: "memory");
}

static void *checked(const char *what)
{
    if (differences)
        fail_msg("%lu of %lu captures differ: %s", differences, captures, what);
    return NULL;
}

/* One call site, whatever the compiler would like to unroll. */
#define TIMES(n, count) for (volatile unsigned n = 0; n < (count); n++)

static void same_stack(void **state)
{
    struct thread_memo *memo = &room_get()->memo;
    uint32_t truth = 0;
    TIMES(n, 4)
    {
        if (n == 3) {
            assert_true(memo->count > 3);
            truth = memo->leaf;
            memo->leaf = UNUSED;
            checked("the same stack");
        }
        capture();
    }
    assert_int_equal(last, UNUSED); /* it came from the memo */
    memo->leaf = truth;
    differences = 0;
}

/* Another function called at the same place: another innermost node. */
static NOINLINE uint32_t capture_with(const void *what)
{
    struct call_site site = CALL_SITE();
    return stack_capture(&site, what);
}

static void other_entry(void **state)
{
    uint32_t ids[4];
    TIMES(n, 4)
    ids[n] = capture_with(n % 2 ? entry_other : entry);
    assert_int_equal(ids[0], ids[2]);
    assert_int_equal(ids[1], ids[3]);
    assert_int_not_equal(ids[0], ids[1]);
}

/* Two ways to one place that differ in the middle only: the return address into
 * the chooser. */
static NOINLINE void way(void)
{
    capture();
    __asm__ volatile("" ::: "memory");
}

static NOINLINE void choose(int which)
{
    if (which) {
        __asm__ volatile("# one way" ::: "memory");
        way();
        __asm__ volatile("# one" ::: "memory");
    } else {
        __asm__ volatile("# other way" ::: "memory");
        way();
        __asm__ volatile("# other" ::: "memory");
    }
}

static void middle_changed(void **state)
{
    uint32_t ids[2];
    TIMES(n, 6)
    {
        choose(n % 2);
        ids[n % 2] = last;
        checked("a return address changed in the middle");
    }
    assert_int_not_equal(ids[0], ids[1]);
}

/* The outer frames of a changed stack are not walked again. */
static NOINLINE void deeper(unsigned n)
{
    if (n)
        deeper(n - 1);
    else
        capture();
    __asm__ volatile("" ::: "memory");
}

static void outer_part_is_kept(void **state)
{
    struct thread_room *room = room_get();
    uint32_t counts[2];
    TIMES(n, 2)
    {
        memset(room->steps, 0, room->depth * sizeof *room->steps);
        deeper(40 + 2 * n);
        counts[n] = room->memo.count;
    }
    checked("two frames more");
    assert_int_equal(counts[1], counts[0] + 2);
    assert_int_not_equal(room->steps[0].sp, 0);
    assert_int_equal(room->steps[10].sp, 0); /* not looked at */
}

/* Stacks that take turns are kept whole, two of them also where they begin at
 * one place. */
static void stacks_come_back(void **state)
{
    struct thread_room *room = room_get();
    unsigned recalled = 0;
    TIMES(n, 12)
    {
        memset(room->steps, 0, room->depth * sizeof *room->steps);
        choose(n % 2);
        recalled += room->steps[0].sp == 0; /* nothing was walked */
        checked("stacks that take turns");
    }
    assert_in_range(recalled, 8, 11);
}

/* ---- random programs ---- */

static unsigned long random_state = 1;

static unsigned random_below(unsigned n)
{
    random_state = random_state * 6364136223846793005ul + 1442695040888963407ul;
    return (unsigned)(random_state >> 33) % n;
}

static sigjmp_buf way_back;
static volatile sig_atomic_t may_jump, timed;

static void random_tree(unsigned depth);

static void use(char *local)
{
    __asm__ volatile("" : : "r"(local) : "memory");
}

#define FUNCTION(name, attributes, body)                                                           \
    static NOINLINE attributes void name(unsigned depth)                                           \
    {                                                                                              \
        body;                                                                                      \
        random_tree(depth);                                                                        \
        __asm__ volatile("" ::: "memory");                                                         \
    }
#define FRAMELESS __attribute__((optimize("omit-frame-pointer")))
#if defined(__clang__)
#undef FRAMELESS
#define FRAMELESS
#endif

FUNCTION(plain, , )
FUNCTION(frameless, FRAMELESS, )
FUNCTION(frameless_local, FRAMELESS, char local[40]; use(local))
FUNCTION(framed_local, , char local[72]; use(local))
FUNCTION(allocating, , use(alloca(random_below(200) + 1)))
FUNCTION(realigned, , char local[64] __attribute__((aligned(64))); use(local))
/* Realigned with a frame of unknown size: its CFA is a word in the frame. */
FUNCTION(realigned_allocating, , char local[64] __attribute__((aligned(64))); use(local);
         use(alloca(random_below(200) + 1)))
FUNCTION(twin, , )

static void (*const functions[])(unsigned) = {plain,        frameless,           frameless_local,
                                              framed_local, allocating,          realigned,
                                              twin,         realigned_allocating};

static void random_tree(unsigned depth)
{
    unsigned calls = random_below(3);
    for (unsigned n = 0; n <= calls; n++) {
        if (random_below(4) == 0)
            capture();
        if (may_jump && random_below(400) == 0)
            siglongjmp(way_back, 1);
        if (depth)
            functions[random_below(COUNT_OF(functions))](depth - 1);
    }
}

static void random_trees(unsigned rounds, unsigned depth)
{
    volatile unsigned long end = captures + rounds;
    while (captures < end) {
        sigsetjmp(way_back, 1);
        may_jump = 1;
        /* Once: a timer that goes on may leave no time between two handlers. */
        if (timed) {
            struct itimerval soon = {{0, 0}, {0, 5 + random_below(100)}};
            setitimer(ITIMER_REAL, &soon, NULL);
        }
        random_tree(depth + random_below(8));
    }
    may_jump = 0;
}

static void random_programs(void **state)
{
    random_trees(200000, 6);
    checked("random programs");
}

/* Where a stack is cut by its depth, its outermost frame moves. */
static void random_depths(void **state)
{
    for (unsigned n = 0; n < 300; n++) {
        stack_depth_limit = 1 + random_below(20);
        random_trees(60, 4);
    }
    stack_depth_limit = 128;
    checked("stack_depth");
}

static void on_timer(int number)
{
    capture();
    if (may_jump && random_below(3) == 0)
        siglongjmp(way_back, 1);
}

/* A handler interrupts captures anywhere, makes some itself, on this stack and
 * on its own, and leaves by siglongjmp. */
static void interrupted(void **state)
{
    static char alternate[64 << 10];
    stack_t own = {.ss_sp = alternate, .ss_size = sizeof alternate},
            none = {.ss_flags = SS_DISABLE};
    struct itimerval never = {{0, 0}, {0, 0}};
    for (unsigned n = 0; n < 2; n++) {
        struct sigaction action = {.sa_handler = on_timer, .sa_flags = n ? SA_ONSTACK : 0};
        sigaltstack(n ? &own : &none, NULL);
        sigaction(SIGALRM, &action, NULL);
        timed = 1;
        random_trees(60000, 6);
        timed = 0;
        setitimer(ITIMER_REAL, &never, NULL);
    }
    sigaltstack(&none, NULL);
    checked("interrupted captures");
}

/* ---- a capture left after any of its instructions ---- */

#define STRIDE     11u /* a step costs microseconds, and there are thousands */
#define TRAP_FLAG  "0x100"
#define SKIP_RED   "lea -128(%%rsp), %%rsp\n"
#define UNSKIP_RED "lea 128(%%rsp), %%rsp\n"

static void on_trap(int number)
{
    if (--steps_left == 0)
        siglongjmp(way_back, 1);
}

static NOINLINE void trap(int on)
{
    if (on)
        __asm__ volatile(SKIP_RED "pushfq; orq $" TRAP_FLAG ", (%%rsp); popfq\n" UNSKIP_RED ::
                             : "memory", "cc");
    else
        __asm__ volatile(SKIP_RED "pushfq; andq $~" TRAP_FLAG ", (%%rsp); popfq\n" UNSKIP_RED ::
                             : "memory", "cc");
}

/* The memo has a stack of `before` frames when one of nine is captured and left
 * after `steps` instructions; then that is captured again. False: there are not
 * so many instructions. */
static bool left_after(unsigned long steps, unsigned before)
{
    volatile bool whole = false;
    called = entry;
    TIMES(pass, 3)
    {
        called = pass == 1 ? entry_other : entry;
        steps_left = pass == 1 ? steps : 0;
        if (sigsetjmp(way_back, 1) == 0)
            deeper(pass == 0 ? before : 9);
        whole |= steps_left != 0;
        /* As a capture further out would find it: left for good. */
        room_get()->walking[0] = 0;
    }
    steps_left = 0;
    called = entry;
    return !whole;
}

static void left_anywhere(void **state)
{
    struct sigaction action = {.sa_handler = on_trap}, before;
    unsigned long steps = 0;
    sigaction(SIGTRAP, &action, &before);
    for (unsigned depth = 7; depth <= 9; depth += 2)
        for (steps = depth; left_after(steps, depth); steps += depth == 9 ? 1 : STRIDE)
            checked("a capture that was left in the middle");
    sigaction(SIGTRAP, &before, NULL);
    assert_true(steps > 100);
}

/* ---- stacks that are not the thread's own ---- */

#define STACK_BYTES (64u << 10)
#define LEAF_DEPTH  16384u /* how far above the low end the capture is made */

static ucontext_t outside, inside;
static char *low;

static volatile unsigned frames_at_leaf;

static NOINLINE void at_the_leaf(unsigned frames)
{
    if (frames)
        at_the_leaf(frames - 1);
    else
        capture();
    __asm__ volatile("" ::: "memory");
}

/* Calls at_the_leaf with the stack pointer at one and the same place, however
 * far up the stack it was entered. */
static void coroutine(void)
{
    char *here = __builtin_frame_address(0);
    use(alloca((size_t)(here - low) - LEAF_DEPTH));
    at_the_leaf(frames_at_leaf);
    swapcontext(&inside, &outside);
}

static void coroutine_run(char *stack, size_t bytes)
{
    low = stack;
    getcontext(&inside);
    inside.uc_stack.ss_sp = stack;
    inside.uc_stack.ss_size = bytes;
    inside.uc_link = NULL;
    makecontext(&inside, coroutine, 0);
    swapcontext(&outside, &inside);
}

static char *stack_map(void)
{
    return mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void coroutines(void **state)
{
    char *stacks[2] = {stack_map(), stack_map()};
    for (unsigned n = 0; n < 100; n++) {
        coroutine_run(stacks[random_below(2)], STACK_BYTES);
        capture();
    }
    checked("coroutines");
    for (unsigned n = 0; n < 2; n++)
        munmap(stacks[n], STACK_BYTES);
}

/* The same place on a stack that has lost its upper half: what was read up
 * there the last time must not be read again. */
static void smaller_stack(void **state)
{
    for (frames_at_leaf = 0; frames_at_leaf < 8; frames_at_leaf++) {
        char *stack = stack_map();
        coroutine_run(stack, STACK_BYTES);
        mprotect(stack + STACK_BYTES / 2, STACK_BYTES / 2, PROT_NONE);
        coroutine_run(stack, STACK_BYTES / 2);
        munmap(stack, STACK_BYTES);
    }
    checked("a smaller stack");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_stack),       cmocka_unit_test(other_entry),
        cmocka_unit_test(middle_changed),   cmocka_unit_test(outer_part_is_kept),
        cmocka_unit_test(stacks_come_back), cmocka_unit_test(random_programs),
        cmocka_unit_test(random_depths),    cmocka_unit_test(interrupted),
        cmocka_unit_test(left_anywhere),    cmocka_unit_test(coroutines),
        cmocka_unit_test(smaller_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
