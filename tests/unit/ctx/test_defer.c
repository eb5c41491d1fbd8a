/* SPDX-License-Identifier: MIT */
/* Cleanups that run: when, in which order, with what; on whatever stack. What is skipped on
 * purpose is in test_skipped.c. Built with -fexceptions. */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "coroutine.h"
#include "unit.h"

static char ran[64];

static void note(void *letter)
{
    size_t length = strlen(ran);
    ran[length] = *(const char *)letter;
    ran[length + 1] = 0;
}

static void note_now(char letter)
{
    note(&letter);
}

static void assert_ran(const char *letters)
{
    assert_string_equal(ran, letters);
    ran[0] = 0;
}

static size_t count_pending(void)
{
    struct ctxtrace_pending row;
    size_t count = 0;
    while (ctx_defer_pending(count, &row) == 0)
        count++;
    assert_int_equal(errno, ENOENT);
    return count;
}

static int begin(void **state)
{
    ran[0] = 0;
    return count_pending() != 0;
}

static int end(void **state)
{
    return count_pending() != 0 || ctx_counted(CTXTRACE_COUNT_CLEANUPS_SKIPPED) != 0 ||
           ctx_counted(CTXTRACE_COUNT_CLEANUPS_UNREGISTERED) != 0;
}

/* ---- when ---- */

static void last_first_per_block(void **state)
{
    {
        ctx_defer(note, (void *)"a");
        ctx_defer(note, (void *)"b");
        {
            ctx_defer(note, (void *)"c");
            ctx_defer(note, (void *)"d");
            assert_int_equal(count_pending(), 4);
        }
        assert_ran("dc");
    }
    assert_ran("ba");
}

static int return_out(int how)
{
    ctx_defer(note, (void *)"1");
    if (how) {
        ctx_defer(note, (void *)"2");
        return ran[0];
    }
    ctx_defer(note, (void *)"3");
    return 'x';
}

static void every_way_out(void **state)
{
    for (int i = 0; i < 3; i++) {
        ctx_defer(note, (void *)"l");
        if (i == 0)
            continue;
        if (i == 1)
            break;
        note_now('!');
    }
    assert_ran("ll");
    {
        ctx_defer(note, (void *)"g");
        goto out;
    }
out:
    assert_ran("g");
    assert_int_equal(return_out(1), 0); /* what is returned is evaluated before */
    assert_ran("21");
    assert_int_equal(return_out(0), 'x');
    assert_ran("31");
    for (int again = 0; again < 2; again++)
        ;
    int turns = 0;
again : {
    ctx_defer(note, (void *)"b");
    if (turns++ < 2)
        goto again; /* the same record, three times */
}
    assert_ran("bbb");
}

static void named_ones(void **state)
{
    {
        ctx_defer_as(now, note, (void *)"n");
        ctx_defer_as(never, note, (void *)"v");
        ctx_defer_as(late, note, (void *)"l");
        ctx_defer_run(now);
        assert_ran("n");
        assert_int_equal(count_pending(), 2);
        ctx_defer_run(now);
        ctx_defer_cancel(never);
        ctx_defer_cancel(never);
        ctx_defer_run(never);
        ctx_defer_cancel(now);
        assert_int_equal(count_pending(), 1);
    }
    assert_ran("l");
    ctx_defer_as(nothing, NULL, (void *)"x");
    ctx_defer_run(nothing);
    assert_ran("");
}

/* ---- with what ---- */

static void note_text(const char *text)
{
    while (*text)
        note_now(*text++);
}

CTX_DEFER_DEFINE(note_variable, const char *, note_text(it));

static void values_now_variables_then(void **state)
{
    const char *word = "old", *other = "old";
    {
        ctx_defer(note, (void *)word);
        ctx_defer_of(note_variable, other);
        word = other = "new";
    }
    assert_ran("newo");
    {
        ctx_defer_of_as(handle, note_variable, word);
        ctx_defer_run(handle);
    }
    assert_ran("new");
    int evaluated = 0;
    {
        ctx_defer(note, (evaluated++, (void *)"e"));
    }
    assert_int_equal(evaluated, 1);
    assert_ran("e");
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void files(void **state)
{
    int fd, kept, ends[2];
    FILE *stream = NULL, *none = NULL;
    assert_int_equal(pipe(ends), 0);
    {
        fd = open("/dev/null", O_RDONLY);
        CTX_CLOSE_FD(fd);
        CTX_CLOSE_FD(ends[0]);
        CTX_CLOSE_FD(ends[1]);
        int passed_on = open("/dev/null", O_RDONLY);
        CTX_CLOSE_FD(passed_on);
        kept = passed_on;
        passed_on = -1;
        stream = fopen("/dev/null", "r");
        CTX_FCLOSE(stream);
        CTX_FCLOSE(none);
        assert_true(is_open(fd) && is_open(ends[0]) && stream);
        errno = ENOTTY;
    }
    assert_int_equal(errno, ENOTTY);
    assert_true(fd == -1 && ends[0] == -1 && ends[1] == -1 && !stream);
    assert_true(is_open(kept));
    close(kept);
}

static void memory_and_locks(void **state)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *moved = malloc(8), *mapping, *address, *none = MAP_FAILED;
    {
        CTX_FREE(moved); /* ASan sees if that is the old one */
        moved = realloc(moved, 100000);
        assert_non_null(moved);
        mapping = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        address = mapping;
        CTX_MUNMAP(mapping, page);
        CTX_MUNMAP(none, page);
        pthread_mutex_lock(&mutex);
        CTX_UNLOCK(&mutex);
        assert_int_equal(pthread_mutex_trylock(&mutex), EBUSY);
        assert_int_equal(msync(address, page, MS_ASYNC), 0);
    }
    assert_true(!moved && !mapping);
    assert_int_equal(msync(address, page, MS_ASYNC), -1);
    assert_int_equal(pthread_mutex_trylock(&mutex), 0);
    pthread_mutex_unlock(&mutex);
    pthread_mutex_destroy(&mutex);
}

/* ---- what is pending ---- */

static void rows_tell_all(void **state)
{
    struct ctxtrace_pending row;
    errno = ENOTTY;
    ctx_defer(note, (void *)"a");
    int line = __LINE__ - 1;
    assert_int_equal(errno, ENOTTY);
    ctx_defer(note, (void *)"b");
    assert_int_equal(ctx_defer_pending(1, &row), 0);
    assert_true(row.fn == note);
    assert_string_equal(row.arg, "a");
    assert_int_equal(row.site->line, line);
    assert_string_equal(row.site->function, __func__);
    assert_non_null(strstr(row.site->file, "test_defer.c"));
    assert_int_equal(ctx_defer_pending(0, &row), 0);
    assert_string_equal(row.arg, "b");
    assert_int_equal(ctx_defer_pending(2, &row), -1);
}

#define DEEP 5000

static long deep_sum;

static void add_to_sum(void *number)
{
    deep_sum = deep_sum * 3 % 1000003 + (long)(intptr_t)number;
}

static void descend(long depth)
{
    struct ctxtrace_pending row;
    ctx_defer(add_to_sum, (void *)(intptr_t)depth);
    if (depth < DEEP) {
        descend(depth + 1);
        return;
    }
    assert_int_equal(ctx_defer_pending(DEEP - 1, &row), 0);
    assert_int_equal((intptr_t)row.arg, 1);
    assert_int_equal(ctx_defer_pending(DEEP, &row), -1);
}

static void many_are_pending(void **state)
{
    long expected = 0;
    for (long i = DEEP; i > 0; i--)
        expected = expected * 3 % 1000003 + i;
    deep_sum = 0;
    descend(1);
    assert_int_equal(deep_sum, expected);
}

/* ---- threads ---- */

static _Atomic int is_waiting;

static void *leave_thread(void *how)
{
    ctx_defer(note, (void *)"a");
    ctx_defer(note, (void *)"b");
    if (strcmp(how, "exit") == 0)
        pthread_exit(NULL);
    is_waiting = 1;
    while (strcmp(how, "cancel") == 0)
        pause();
    return NULL;
}

static void threads_leave(void **state)
{
    static const char *const hows[] = {"return", "exit", "cancel"};
    for (size_t i = 0; i < ARRAY_LENGTH(hows); i++) {
        pthread_t thread;
        is_waiting = 0;
        assert_int_equal(pthread_create(&thread, NULL, leave_thread, (void *)hows[i]), 0);
        if (strcmp(hows[i], "cancel") == 0) {
            assert_true(comes(&is_waiting, 1));
            pthread_cancel(thread);
        }
        pthread_join(thread, NULL);
        assert_ran("ba");
    }
}

static pthread_key_t late_key;

static void defer_late(void *again)
{
    ctx_defer(note, (void *)"t");
    if (again)
        pthread_setspecific(late_key, NULL);
}

static void *end_late(void *unused)
{
    ctx_defer(note, (void *)"m");
    pthread_setspecific(late_key, ran);
    return NULL;
}

/* A destructor of the thread's own may come after the registry's. */
static void destructors_defer(void **state)
{
    pthread_t thread;
    assert_int_equal(pthread_key_create(&late_key, defer_late), 0);
    pthread_create(&thread, NULL, end_late, NULL);
    pthread_join(thread, NULL);
    assert_ran("mt");
    pthread_key_delete(late_key);
}

static void forked_ones_are_apart(void **state)
{
    {
        ctx_defer(note, (void *)"p");
        pid_t child = fork();
        if (child == 0) {
            bool is_right = count_pending() == 1;
            {
                ctx_defer(note, (void *)"c");
            }
            _exit(!(is_right && strcmp(ran, "c") == 0));
        }
        int status;
        waitpid(child, &status, 0);
        assert_int_equal(status, 0);
    }
    assert_ran("p");
}

/* ---- other stacks ---- */

static void take_turns(void *letters)
{
    char *letter = letters;
    ctx_defer(note, &letter[0]);
    coroutine_leave();
    {
        ctx_defer(note, &letter[1]);
        assert_int_equal(count_pending(), 2);
        coroutine_leave();
    }
    coroutine_leave();
}

static void resume(struct coroutine *one)
{
    ctx_defer(note, (void *)"r");
    coroutine_enter(one);
}

static void turns_of(struct coroutine *one, struct coroutine *other)
{
    ctx_defer(note, (void *)"e");
    coroutine_begin(one, take_turns, (void *)"aA");
    coroutine_begin(other, take_turns, (void *)"bB");
    resume(one), resume(other); /* a and b pending */
    assert_ran("rr");
    assert_int_equal(count_pending(), 1);
    resume(one), resume(other); /* and A, B */
    resume(one), resume(other);
    assert_ran("rrArBr");
    resume(one), resume(other);
    assert_ran("arbr");
}

static void coroutines(void **state)
{
    static char memory[2][COROUTINE_STACK];
    struct coroutine one = {.stack = memory[0]}, other = {.stack = memory[1]};
    turns_of(&one, &other);
    assert_ran("e");
}

/* Above frames that they were resumed from: they look like frames that are gone. */
static void coroutines_within_the_stack(void **state)
{
    char memory[2][COROUTINE_STACK];
    struct coroutine one = {.stack = memory[0]}, other = {.stack = memory[1]};
    turns_of(&one, &other);
    assert_ran("e");
}

static void *resume_elsewhere(void *one)
{
    coroutine_enter(one);
    return NULL;
}

static void coroutines_move(void **state)
{
    static char memory[COROUTINE_STACK];
    struct coroutine one = {.stack = memory};
    coroutine_begin(&one, take_turns, (void *)"aA");
    for (int turn = 0; turn < 4; turn++) {
        pthread_t thread;
        pthread_create(&thread, NULL, resume_elsewhere, &one);
        pthread_join(thread, NULL);
        assert_ran(turn < 2 ? "" : turn == 2 ? "A" : "a");
    }
}

#define MANY 200

/* The table of what lies elsewhere grows, and has no order. */
static void many_coroutines(void **state)
{
    static struct coroutine all[MANY];
    for (int i = 0; i < MANY; i++) {
        all[i].stack = malloc(COROUTINE_STACK);
        assert_non_null(all[i].stack);
        coroutine_begin(&all[i], take_turns, (void *)"xy");
    }
    for (int turn = 0; turn < 4; turn++)
        for (int i = 0; i < MANY; i++) {
            ran[0] = 0;
            coroutine_enter(&all[i * 77 % MANY]);
            assert_ran(turn < 2 ? "" : turn == 2 ? "y" : "x");
        }
    for (int i = 0; i < MANY; i++)
        free(all[i].stack);
}

static void handle(int unused)
{
    ctx_defer(note, (void *)"s");
    assert_int_equal(count_pending(), 1);
}

/* A handler may not; this one is called by raise, and interrupts nothing. */
static void signal_stacks(void **state)
{
    static char memory[1 << 16];
    stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory}, before;
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK}, action_before;
    sigaltstack(&stack, &before);
    sigaction(SIGUSR1, &action, &action_before);
    {
        ctx_defer(note, (void *)"a");
        raise(SIGUSR1);
        assert_ran("s");
        ctx_defer(note, (void *)"b");
    }
    assert_ran("ba");
    sigaction(SIGUSR1, &action_before, NULL);
    sigaltstack(&before, NULL);
}

#define UNIT(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(last_first_per_block),
        UNIT(every_way_out),
        UNIT(named_ones),
        UNIT(values_now_variables_then),
        UNIT(files),
        UNIT(memory_and_locks),
        UNIT(rows_tell_all),
        UNIT(many_are_pending),
        UNIT(threads_leave),
        UNIT(destructors_defer),
        UNIT(forked_ones_are_apart),
    };
    const struct CMUnitTest switching[] = {
        UNIT(coroutines),      UNIT(coroutines_within_the_stack),
        UNIT(coroutines_move), UNIT(many_coroutines),
        UNIT(signal_stacks),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return CAN_SWITCH ? failed + cmocka_run_group_tests(switching, NULL, NULL) : failed;
}
