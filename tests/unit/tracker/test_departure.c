/* SPDX-License-Identifier: MIT */
/*
 * Whose frame ended the process. The hooks are linked into this program, so that its own
 * calls pass them; each way out is taken by a child, which looks at what was noted from
 * the places where the tracker looks, and tells by its status.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/facts/departure.h"
#include "preload/ground/config.h"
#include "preload/ground/guard.h"
#include "preload/ground/health.h"
#include "preload/ground/notify.h"
#include "preload/ground/sys.h"
#include "preload/hooks/family.h"
#include "unit.h"

#define SLOTS    64u /* departure.c */
#define AS_IT_IS 0
#define WRONG    9

/* ---- the table ---- */

static struct departure departure_of(uint32_t tid, uintptr_t sp)
{
    return (struct departure){.tid = tid, .sp = sp, .registers = {sp + 1, sp + 2, sp + 3}};
}

static uint32_t my_tid(void)
{
    return (uint32_t)sys_gettid();
}

static void note(uint32_t tid, uintptr_t sp)
{
    struct departure departure = departure_of(tid, sp);
    departure_note(&departure);
}

static uintptr_t sp_of(uint32_t tid)
{
    struct departure read = {.sp = 0};
    return departure_read(tid, &read) && read.registers[2] == read.sp + 3 ? read.sp : 0;
}

static void last_one_wins(void **state)
{
    assert_int_equal(sp_of(my_tid()), 0);
    note(my_tid(), 100);
    note(1, 50);
    assert_int_equal(sp_of(my_tid()), 100);
    note(my_tid(), 80); /* _exit from an exit function */
    assert_int_equal(sp_of(my_tid()), 80);
    assert_int_equal(sp_of(1), 50);
    departure_forget();
    assert_int_equal(sp_of(my_tid()), 100);
    departure_forget();
    assert_int_equal(sp_of(my_tid()), 0);
    departure_forget();
    assert_int_equal(sp_of(1), 50);
    departure_forked(0);
    assert_int_equal(sp_of(1), 0);
}

static void child_has_departed_too(void **state)
{
    note(77, 100);
    note(78, 200);
    departure_forked(77);
    assert_int_equal(sp_of(77), 0);
    assert_int_equal(sp_of(78), 0);
    assert_int_equal(sp_of(my_tid()), 100);
    departure_forked(0);
}

static void too_many_are_counted(void **state)
{
    uint64_t before = health_counts[HEALTH_departures_dropped];
    for (uint32_t tid = 1; tid <= SLOTS + 1; tid++)
        note(tid, tid);
    assert_int_equal(health_counts[HEALTH_departures_dropped], before + 1);
    assert_int_equal(sp_of(SLOTS), SLOTS);
    assert_int_equal(sp_of(SLOTS + 1), 0);
    departure_forked(0);
}

static void *departs_often(void *unused)
{
    for (uintptr_t i = 1; i < 20000; i++) {
        note(my_tid(), i);
        if (sp_of(my_tid()) != i)
            return (void *)i; /* another's, or torn */
        departure_forget();
        departure_forget();
    }
    return NULL;
}

static void threads_do_not_meet(void **state)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, departs_often, NULL), 0);
    for (int i = 0; i < 4; i++) {
        void *why = NULL;
        pthread_join(threads[i], &why);
        assert_null(why);
    }
}

/* ---- the doors: rbx rbp r12-r15 get values that are looked for ---- */

static uintptr_t expected_sp;

static int as_noted(void)
{
    struct departure read;
    if (!departure_read(my_tid(), &read))
        return 1;
    for (uintptr_t i = 0; i < 6; i++)
        if (read.registers[i] != 0x1111 * (i + 1))
            return (int)(10 + i);
    return read.sp == expected_sp ? AS_IT_IS : 2;
}

static void leave(int status)
{
    syscall(SYS_exit_group, status);
}

static void told_ending(int status)
{
    leave(status == 5 ? as_noted() : 3);
}

static void told_exec(const char *path, bool is_followed)
{
    leave(strcmp(path, "/nowhere") == 0 ? as_noted() : 4);
}

static void at_the_end(int status, void *unused)
{
    leave(status == 5 ? as_noted() : 3);
}

/* Calls `door` with registers of its own. sp is what the call's return address lies
 * right below. */
#define CALL_WITH(door, a, b, c, d, e)                                                             \
    __asm__ volatile("movq %0, %%rax\n\t movq %1, %%rdi\n\t movq %2, %%rsi\n\t movq %3, %%rdx\n\t" \
                     "movq %4, %%rcx\n\t movq %5, %%r8\n\t movq %6, %%r9\n\t"                      \
                     "andq $-16, %%rsp\n\t movq %%rsp, (%%r9)\n\t movq %%rax, %%r11\n\t"           \
                     "movq $0x1111, %%rbx\n\t movq $0x2222, %%rbp\n\t movq $0x3333, %%r12\n\t"     \
                     "movq $0x4444, %%r13\n\t movq $0x5555, %%r14\n\t movq $0x6666, %%r15\n\t"     \
                     "xorl %%eax, %%eax\n\t call *%%r11\n\t ud2"                                   \
                     :                                                                             \
                     : "m"(door_), "m"(a_), "m"(b_), "m"(c_), "m"(d_), "m"(e_), "m"(sp_)           \
                     : "memory")

static void leave_by(void *door_, uintptr_t a_, uintptr_t b_, uintptr_t c_, uintptr_t d_,
                     uintptr_t e_)
{
    uintptr_t *sp_ = &expected_sp;
    CALL_WITH(door_, a_, b_, c_, d_, e_);
}

#define TEXT(text) ((uintptr_t)(text))
static char *const nothing[] = {NULL};

static const struct door {
    const char *name;
    void *function;
    uintptr_t arguments[5];
} doors[] = {
    {"exit", exit, {5}},
    {"_exit", _exit, {5}},
    {"_Exit", _Exit, {5}},
    {"quick_exit", quick_exit, {5}},
    {"execve", execve, {TEXT("/nowhere"), TEXT(nothing), TEXT(nothing)}},
    {"execv", execv, {TEXT("/nowhere"), TEXT(nothing)}},
    {"execvpe", execvpe, {TEXT("/nowhere"), TEXT(nothing), TEXT(nothing)}},
    {"execvp", execvp, {TEXT("/nowhere"), TEXT(nothing)}},
    {"execveat", execveat, {3, TEXT("/nowhere"), TEXT(nothing), TEXT(nothing), 0}},
    {"execl", execl, {TEXT("/nowhere"), TEXT("one"), TEXT("two"), 0}},
    {"execle", execle, {TEXT("/nowhere"), TEXT("one"), 0, TEXT(nothing)}},
    {"execlp", execlp, {TEXT("/nowhere"), TEXT("one"), TEXT("two"), 0}},
};

static int status_of(pid_t child)
{
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void every_door_notes_its_caller(void **state)
{
    for (size_t i = 0; i < sizeof doors / sizeof doors[0]; i++) {
        const struct door *door = &doors[i];
        pid_t child = fork();
        if (child == 0) {
            notify.ending = told_ending;
            notify.exec = told_exec;
            on_exit(at_the_end, NULL);
            exit_watch();
            leave_by(door->function, door->arguments[0], door->arguments[1], door->arguments[2],
                     door->arguments[3], door->arguments[4]);
        }
        int status = status_of(child);
        if (status != AS_IT_IS)
            fail_msg("%s: %d", door->name, status);
    }
}

static void failed_exec_is_no_departure(void **state)
{
    assert_int_equal(execlp("/nowhere", "nowhere", NULL), -1);
    assert_int_equal(sp_of(my_tid()), 0);
    struct departure read;
    assert_false(departure_read(my_tid(), &read));
}

/* ---- no door: run again, since main is to return ---- */

void leave_by_err(void); /* departure_caller.c */
void leave_by_error(void);

enum way { RETURNED = 20, CALLED, NO_SP };

static uintptr_t main_frame;

static void looks_for_return(int status, void *unused)
{
    struct call_site site = CALL_SITE();
    struct departure read;
    uintptr_t sp = 0;
    if (departure_read(my_tid(), &read))
        leave(WRONG);
    bool returned = departure_by_return(&site, &sp);
    /* A thread's frames are all below its descriptor. */
    bool right = !returned     ? sp == site.sp
                 : !main_frame ? sp > site.sp && sp < (uintptr_t)pthread_self()
                               : sp > main_frame && sp == departure_main_sp();
    leave(!right ? NO_SP : returned ? RETURNED : CALLED);
}

static void *last_thread(void *main_thread)
{
    pthread_join(*(pthread_t *)main_thread, NULL);
    return NULL;
}

static int run_way(const char *way)
{
    static pthread_t me;
    on_exit(looks_for_return, NULL);
    main_frame = GUARD_FRAME();
    if (strcmp(way, "err") == 0)
        leave_by_err();
    if (strcmp(way, "error") == 0)
        leave_by_error();
    if (strcmp(way, "thread") == 0) {
        pthread_t thread;
        me = pthread_self();
        main_frame = 0;
        pthread_create(&thread, NULL, last_thread, &me);
        pthread_exit(NULL);
    }
    return 5;
}

static int status_of_way(const char *way)
{
    pid_t child = fork();
    if (child == 0) {
        int null = sys_open("/dev/null", 2, 0);
        syscall(SYS_dup2, null, 2);
        const char *const words[] = {"test_departure", way, NULL};
        syscall(SYS_execve, "/proc/self/exe", words, nothing);
        leave(WRONG);
    }
    return status_of(child);
}

static void return_is_told_from_libc(void **state)
{
    assert_int_equal(status_of_way("return"), RETURNED);
    assert_int_equal(status_of_way("err"), CALLED);
    assert_int_equal(status_of_way("error"), CALLED);
    assert_int_equal(status_of_way("thread"), RETURNED);
}

typedef int start_function(int (*main)(int, char **, char **), int argc, char **argv,
                           void (*init)(void), void (*fini)(void), void (*loader_fini)(void),
                           void *stack_end);
start_function __libc_start_main;
int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*loader_fini)(void), void *stack_end)
{
    start_function *real = (start_function *)dlsym(RTLD_NEXT, "__libc_start_main");
    departure_main_begins(GUARD_FRAME() + 2 * sizeof(void *));
    return real(main, argc, argv, init, fini, loader_fini, stack_end);
}

int main(int argc, char **argv)
{
    config_read(NULL);
    atomic_store(&tracker_state, TRACKER_ON);
    if (argc > 1)
        return run_way(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_one_wins),
        cmocka_unit_test(child_has_departed_too),
        cmocka_unit_test(too_many_are_counted),
        cmocka_unit_test(threads_do_not_meet),
        cmocka_unit_test(every_door_notes_its_caller),
        cmocka_unit_test(failed_exec_is_no_departure),
        cmocka_unit_test(return_is_told_from_libc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
