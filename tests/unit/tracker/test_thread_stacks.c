/* SPDX-License-Identifier: MIT */
/*
 * Where threads' stacks are said to be, against libc's own word and the kernel's. The
 * hooks are linked into this program: its threads are entered by them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/facts/thread_stacks.h"
#include "preload/ground/config.h"
#include "preload/ground/guard.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"
#include "preload/hooks/family.h"
#include "unit.h"

#define MANY 12
#define ROWS (512u * 32u) /* thread_stacks.c */
#define KIB  ((size_t)1024)

struct range {
    uintptr_t low, high;
    uint32_t tid;
    int count;
};

/* ---- what the table says ---- */

struct wanted {
    uint32_t tid;
    uintptr_t at;
    struct range found;
};

static void see(uintptr_t low, uintptr_t high, uint32_t tid, void *arg)
{
    struct wanted *wanted = arg;
    bool is_it = wanted->tid ? tid == wanted->tid : wanted->at >= low && wanted->at < high;
    if (is_it)
        wanted->found = (struct range){low, high, tid, wanted->found.count + 1};
}

static struct range range_of(uint32_t tid)
{
    struct wanted wanted = {.tid = tid};
    thread_stacks_scan(see, &wanted);
    return wanted.found;
}

static struct range range_at(uintptr_t at)
{
    struct wanted wanted = {.at = at};
    thread_stacks_scan(see, &wanted);
    return wanted.found;
}

/* ---- what is true ---- */

static struct range range_libc(void)
{
    pthread_attr_t attributes;
    void *low = NULL;
    size_t bytes = 0;
    if (pthread_getattr_np(pthread_self(), &attributes))
        return (struct range){.low = 0};
    pthread_attr_getstack(&attributes, &low, &bytes);
    pthread_attr_destroy(&attributes);
    return (struct range){(uintptr_t)low, (uintptr_t)low + bytes, 0, 0};
}

/* All of it is memory that can be written, by the kernel's list. */
static bool is_writable(struct range range)
{
    char line[512];
    uintptr_t reached = range.low;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long low, high;
        char mode[5];
        if (sscanf(line, "%lx-%lx %4s", &low, &high, mode) == 3 && mode[1] == 'w' &&
            low <= reached && reached < high)
            reached = high;
    }
    if (maps)
        fclose(maps);
    return reached >= range.high;
}

/* ---- threads ---- */

static struct row {
    pthread_t thread;
    struct range libc, ours;
    bool writable;
} rows[MANY];
static pthread_barrier_t together;

static void *looks(void *number)
{
    struct row *row = &rows[(intptr_t)number];
    row->libc = range_libc();
    row->ours = range_of((uint32_t)sys_gettid());
    row->writable = is_writable(row->ours);
    pthread_barrier_wait(&together);
    return NULL;
}

static void start(int number, const pthread_attr_t *attributes)
{
    assert_int_equal(
        pthread_create(&rows[number].thread, attributes, looks, (void *)(intptr_t)number), 0);
}

static void finish(int number)
{
    pthread_join(rows[number].thread, NULL);
    const struct row *row = &rows[number];
    assert_int_equal(row->ours.count, 1);
    assert_int_equal(row->ours.low, row->libc.low);
    assert_int_equal(row->ours.high, row->libc.high);
    assert_true(row->writable);
}

static void all_sizes_at_once(void **state)
{
    pthread_attr_t attributes;
    pthread_barrier_init(&together, NULL, MANY);
    for (int i = 0; i < MANY; i++) {
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, (size_t)(64 + 36 * i) * KIB + (i % 3 ? 0 : 16));
        if (i % 4 == 1)
            pthread_attr_setguardsize(&attributes, i % 8 == 1 ? 0 : 64 * KIB);
        start(i, i == 2 ? NULL : &attributes);
        pthread_attr_destroy(&attributes);
    }
    for (int i = 0; i < MANY; i++)
        finish(i);
    pthread_barrier_destroy(&together);
    for (int i = 0; i < MANY; i++) {
        struct range dead = range_at(rows[i].ours.low);
        assert_int_equal(dead.count, 1);
        assert_int_equal(dead.tid, 0);
        assert_int_equal(dead.high, rows[i].ours.high);
    }
}

/* libc gives a thread that asks for less the larger stack that it has. */
static void used_again(void **state)
{
    pthread_attr_t attributes;
    pthread_barrier_init(&together, NULL, 1);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 3000 * KIB);
    start(0, &attributes);
    finish(0);
    struct range first = rows[0].ours;
    pthread_attr_setstacksize(&attributes, 2900 * KIB);
    start(1, &attributes);
    finish(1);
    assert_int_equal(rows[1].ours.low, first.low);
    struct range now = range_at(first.low);
    assert_int_equal(now.count, 1);
    assert_int_equal(now.tid, 0);
    pthread_attr_destroy(&attributes);
    pthread_barrier_destroy(&together);
}

static char own[256 * 1024] __attribute__((aligned(64)));

static void given_by_the_program(void **state)
{
    pthread_attr_t attributes;
    pthread_barrier_init(&together, NULL, 1);
    pthread_attr_init(&attributes);
    /* With memory of the program's on both sides. */
    pthread_attr_setstack(&attributes, own + 4800, sizeof own - 9600);
    start(0, &attributes);
    finish(0);
    assert_int_equal(rows[0].ours.low, (uintptr_t)own + 4800);
    assert_int_equal(rows[0].ours.high, (uintptr_t)own + sizeof own - 4800);
    assert_int_equal(range_at((uintptr_t)own + 4800).count, 0);
    pthread_attr_destroy(&attributes);
    pthread_barrier_destroy(&together);
}

/* ---- the table alone ---- */

static void newer_one_takes_the_place(void **state)
{
    struct thread_stack stack = {0x10000, 0x20000, false};
    thread_stack_begins(stack);
    assert_int_equal(range_at(0x10000).tid, sys_gettid());
    self.stack_row = 0; /* gone without a word: a raw exit */
    thread_stack_begins((struct thread_stack){0x20000, 0x30000, false});
    thread_stack_ends();
    thread_stack_begins((struct thread_stack){0x18000, 0x28000, false});
    assert_int_equal(range_at(0x10000).count, 0);
    assert_int_equal(range_at(0x2ffff).count, 0);
    assert_int_equal(range_at(0x18000).high, 0x28000);
    thread_stack_ends();
    assert_int_equal(range_at(0x18000).tid, 0);
    assert_int_equal(range_at(0x18000).count, 1);
}

static void unknown_is_counted(void **state)
{
    uint64_t before = health_counts[HEALTH_thread_stacks_dropped];
    thread_stack_begins((struct thread_stack){0, 0, false});
    assert_int_equal(health_counts[HEALTH_thread_stacks_dropped], before + 1);
    thread_stack_ends();
}

static void full_is_counted(void **state)
{
    pid_t child = fork();
    if (child == 0) {
        for (uintptr_t i = 1; i <= ROWS + 10; i++) {
            thread_stack_begins((struct thread_stack){i << 20, (i << 20) + 4096, false});
            thread_stack_ends();
        }
        _exit(health_counts[HEALTH_thread_stacks_dropped] >= 10 &&
                      range_at(UINT64_C(1000) << 20).count == 1
                  ? 0
                  : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

/* ---- a fork child ---- */

static int forked_status;

static int look_in_child(uint32_t parent, struct range mine, struct range other)
{
    if (range_of(parent).count || range_of((uint32_t)sys_gettid()).low != mine.low)
        return 1;
    struct range dead = range_at(other.low);
    return dead.count == 1 && dead.tid == 0 ? 0 : 2;
}

static void *forks(void *number)
{
    uint32_t me = (uint32_t)sys_gettid();
    struct range mine = range_of(me);
    looks(number); /* and the other one waits for us */
    pid_t child = fork();
    if (child == 0)
        _exit(look_in_child(me, mine, rows[0].ours));
    waitpid(child, &forked_status, 0);
    pthread_barrier_wait(&together);
    return NULL;
}

static void *looks_and_waits(void *number)
{
    looks(number);
    pthread_barrier_wait(&together);
    return NULL;
}

static void others_are_dead_in_a_fork_child(void **state)
{
    pthread_barrier_init(&together, NULL, 2);
    forked_status = -1;
    pthread_create(&rows[0].thread, NULL, looks_and_waits, (void *)0);
    pthread_create(&rows[1].thread, NULL, forks, (void *)1);
    finish(0);
    finish(1);
    assert_int_equal(forked_status, 0);
}

int main(void)
{
    config_read(NULL);
    atomic_store(&tracker_state, TRACKER_ON);
    fork_watch();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_sizes_at_once),
        cmocka_unit_test(used_again),
        cmocka_unit_test(given_by_the_program),
        cmocka_unit_test(newer_one_takes_the_place),
        cmocka_unit_test(unknown_is_counted),
        cmocka_unit_test(full_is_counted),
        cmocka_unit_test(others_are_dead_in_a_fork_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
