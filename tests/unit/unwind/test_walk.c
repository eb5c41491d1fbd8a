/* SPDX-License-Identifier: MIT */
/*
 * Walks where stacks are strange: coroutines, alternate signal stacks, code
 * made at run time, the edge of mapped memory, and registers full of garbage.
 * None may fault (hazards.md D5, D12). Hand-written frames: frames.S.
 */
#include "unit.h"

#include <errno.h>
#include <gnu/libc-version.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "preload/facts/module.h"
#include "preload/facts/stack.h"
#include "preload/facts/unwind.h"
#include "preload/ground/room.h"

#define DEPTH       64
#define PAGE        4096u
#define STACK_BYTES 65536
#define GARBAGE     200000

static uint64_t pcs[DEPTH];
static size_t count;
static enum ctt_cut cut;

static __attribute__((noinline)) void walk(void)
{
    struct call_site site = CALL_SITE();
    errno = 12345;
    count = unwind_walk(&site, pcs, DEPTH, &cut);
    assert_int_equal(errno, 12345);
}

/* Whether a pc of [from, from + 512) is among the frames. */
static int frames_have(const void *from)
{
    for (size_t i = 0; i < count; i++)
        if (CTT_PC_ADDRESS(pcs[i]) - (uintptr_t)from < 512)
            return 1;
    return 0;
}

static void plain(void **state)
{
    walk();
    assert_int_equal(cut, CTT_CUT_NONE);
    assert_true(frames_have((const void *)plain));
}

static ucontext_t outside, inside;

static void coroutine(void)
{
    walk();
    swapcontext(&inside, &outside);
}

static void coroutines(void **state)
{
    void *stack =
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    getcontext(&inside);
    inside.uc_stack.ss_sp = stack;
    inside.uc_stack.ss_size = STACK_BYTES;
    inside.uc_link = NULL;
    makecontext(&inside, coroutine, 0);
    swapcontext(&outside, &inside);
    assert_int_equal(cut, CTT_CUT_NONE);
    assert_true(frames_have((const void *)coroutine));
    assert_false(frames_have((const void *)coroutines));
    munmap(stack, STACK_BYTES);
}

static void handler(int number)
{
    walk();
}

static __attribute__((noinline)) void signal_send(void)
{
    raise(SIGUSR1);
    __asm__ volatile("");
}

static void signal_frames(int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigaction(SIGUSR1, &action, NULL);
    count = 0;
    signal_send();
    assert_int_equal(cut, CTT_CUT_NONE);
    assert_true(frames_have((const void *)handler));
    assert_true(frames_have((const void *)signal_send));
    unsigned exact = 0;
    for (size_t i = 0; i < count; i++)
        exact += (pcs[i] & CTT_PC_EXACT) != 0;
    assert_int_equal(exact, 2); /* the handler's return code, and what it interrupted */
}

static void signals(void **state)
{
    static char alternate[STACK_BYTES];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    signal_frames(0);
    assert_int_equal(sigaltstack(&stack, NULL), 0);
    signal_frames(SA_ONSTACK);
}

/* sub $8, %rsp; call *%rdi; add $8, %rsp; ret */
static const uint8_t jit_code[] = {0x48, 0x83, 0xec, 8, 0xff, 0xd7, 0x48, 0x83, 0xc4, 8, 0xc3};

static void code_without_module(void **state)
{
    uint8_t *code =
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (code == MAP_FAILED)
        skip();
    memcpy(code, jit_code, sizeof jit_code);
    ((void (*)(void (*)(void)))(uintptr_t)code)(walk);
    assert_int_equal(cut, CTT_CUT_NO_MODULE);
    assert_int_equal(count, 1);
    assert_int_equal(pcs[0], (uintptr_t)code + 6);
    munmap(code, PAGE);
}

typedef void hand_written(void (*callee)(void));
extern hand_written frame_loaded, frame_loaded_by_fp, frame_by_register, frame_part_of_word,
    frame_register_at_call, frame_without_rules, frame_far, frame_beyond, frame_load_nowhere,
    frame_backwards, frame_page;

/* Called from a frame, or interrupting it by its int3. */
static const struct {
    hand_written *frame;
    enum ctt_cut cut;
} hand_written_frames[] = {
    {frame_loaded, CTT_CUT_NONE},
    {frame_loaded_by_fp, CTT_CUT_NONE},
    {frame_by_register, CTT_CUT_NONE},
    {frame_part_of_word, CTT_CUT_NONE},
    {frame_register_at_call, CTT_CUT_RULE},
    {frame_without_rules, CTT_CUT_NO_CFI},
    {frame_far, CTT_CUT_BOUNDS},
    {frame_beyond, CTT_CUT_BOUNDS},
    {frame_load_nowhere, CTT_CUT_BOUNDS},
    {frame_backwards, CTT_CUT_BOUNDS},
};

/* hazard: D12: rules that are seldom are followed, wrong ones cut the stack. */
static void hand_written_rules(void **state)
{
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGTRAP, &action, NULL);
    for (size_t n = 0; n < COUNT_OF(hand_written_frames); n++) {
        count = 0;
        hand_written_frames[n].frame(walk);
        if (cut != hand_written_frames[n].cut)
            fail_msg("frame %zu: cut %d", n, (int)cut);
        assert_true(frames_have((const void *)(uintptr_t)hand_written_frames[n].frame));
        bool whole = cut == CTT_CUT_NONE;
        assert_int_equal(frames_have((const void *)hand_written_rules), whole);
        /* What is remembered of it says the same. */
        walk();
        assert_int_equal(cut, CTT_CUT_NONE);
    }
}

extern void frame_red_zone(void (*unused)(void), void *sp);

/* A stack that is not the thread's own is known by pages: the red zone of a frame
 * at the beginning of one lies in another. */
static void red_zone(void **state)
{
    static char alternate[STACK_BYTES];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigaltstack(&stack, NULL);
    sigaction(SIGTRAP, &action, NULL);
    frame_red_zone(NULL, pages + PAGE);
    assert_true(frames_have((const void *)frame_red_zone));
    assert_true(frames_have((const void *)red_zone));
    munmap(pages, 2 * PAGE);
}

static void walk_from(uintptr_t pc, uintptr_t sp, uintptr_t fp)
{
    struct call_site site = {pc, sp, fp};
    count = unwind_walk(&site, pcs, DEPTH, &cut);
    assert_in_range(count, 1, DEPTH);
}

static void edges(void **state)
{
    char *pages = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uintptr_t pc = (uintptr_t)__builtin_return_address(0);
    mprotect(pages, PAGE, PROT_NONE);
    mprotect(pages + 2 * PAGE, PAGE, PROT_NONE);
    for (unsigned at = 0; at <= PAGE; at++) {
        uintptr_t sp = (uintptr_t)pages + PAGE + at;
        walk_from(pc, sp, sp + 8);
        walk_from(pc, sp, sp - 8);
        assert_int_not_equal(cut, CTT_CUT_NO_CFI);
    }
    walk_from(pc, (uintptr_t)pages + 16, (uintptr_t)pages);
    assert_int_equal(cut, CTT_CUT_BOUNDS);
    walk_from(pc, (uintptr_t)pages + 2 * PAGE + 16, 0);
    assert_int_equal(cut, CTT_CUT_BOUNDS);
    munmap(pages, 3 * PAGE);
    walk_from(pc, (uintptr_t)pages + 16, 0);
    assert_int_equal(cut, CTT_CUT_BOUNDS);
    walk_from(pc, 0, 0);
    walk_from(pc, UINTPTR_MAX - 8, UINTPTR_MAX);
    assert_int_equal(cut, CTT_CUT_BOUNDS);
}

/* Any pc of libc with any registers, on a stack full of such pcs. */
static void garbage(void **state)
{
    const struct module *m = module_get(module_at((uintptr_t)gnu_get_libc_version));
    size_t words = STACK_BYTES / sizeof(uintptr_t);
    uintptr_t *stack =
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    srand(1);
    for (unsigned n = 0; n < GARBAGE; n++) {
        uintptr_t pc = m->start + (uintptr_t)rand() % (m->end - m->start);
        size_t at = (size_t)rand() % words;
        stack[(size_t)rand() % words] = rand() % 3 ? pc : (uintptr_t)(stack + at);
        walk_from(pc, (uintptr_t)(stack + at), (uintptr_t)(stack + (size_t)rand() % words));
    }
    munmap(stack, STACK_BYTES);
}

/* A coroutine's stack is unmapped and a smaller one comes to its place, whose
 * outermost frame has no end: what was known of the first is not believed, also
 * when the thread was seen nowhere else meanwhile. */
static void smaller_stack(void **state)
{
    uintptr_t pc = (uintptr_t)frame_page + 1;
    for (unsigned way = 0; way < 4; way++) {
        unsigned memoised = way % 2, seen_elsewhere = way / 2;
        char *pages =
            mmap(NULL, 5 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        mprotect(pages + 4 * PAGE, PAGE, PROT_NONE);
        for (unsigned n = 0; n < 4; n++)
            *(uintptr_t *)(pages + n * PAGE + 248) = pc;
        struct call_site site = {pc, (uintptr_t)pages + 256, 0};
        for (unsigned n = 0; n < 3; n++) {
            walk_from(pc, site.sp, 0);
            assert_int_equal(cut, CTT_CUT_BOUNDS);
            assert_int_equal(count, 4);
            if (memoised)
                stack_capture(&site, (const void *)smaller_stack);
        }
        if (seen_elsewhere)
            walk();
        munmap(pages + 2 * PAGE, 2 * PAGE);
        if (memoised)
            stack_capture(&site, (const void *)smaller_stack);
        walk_from(pc, site.sp, 0);
        assert_int_equal(cut, CTT_CUT_BOUNDS);
        assert_int_equal(count, 2);
        munmap(pages, 5 * PAGE);
    }
}

/* Bounds that were told are believed, and no more is read than they say. */
static void told_bounds(void **state)
{
    struct room_range kept = room_get()->own_stack;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    unwind_set_bounds((struct stack_bounds){here - 32768, here + 16});
    walk();
    assert_int_equal(cut, CTT_CUT_BOUNDS);
    unwind_set_bounds((struct stack_bounds){kept.low, kept.high});
    walk();
    assert_int_equal(cut, CTT_CUT_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),       cmocka_unit_test(coroutines),
        cmocka_unit_test(signals),     cmocka_unit_test(code_without_module),
        cmocka_unit_test(edges),       cmocka_unit_test(garbage),
        cmocka_unit_test(told_bounds), cmocka_unit_test(hand_written_rules),
        cmocka_unit_test(red_zone),    cmocka_unit_test(smaller_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
