/* SPDX-License-Identifier: MIT */
/*
 * What libctx tells a tracker of cleanups and of a ctx_fail that nobody recovers, call by call.
 * This program stands in for the tracker, as test_attach.c does; built without -fexceptions.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "attach.h"
#include "ctxtrace_annotate.h"
#include "unit.h"

#define LINES 64

static char lines[LINES][96];
static int line_count, fd_for_misuse = -1;
static uint32_t entered_now;

#define WRITE(...) snprintf(lines[line_count++ % LINES], sizeof *lines, __VA_ARGS__)

static void note(void *word)
{
    WRITE("runs %s", (char *)word);
}

static void other(void *word)
{
    WRITE("other runs %s", (char *)word);
}

/* Entries by their order; the address of one that is over may come again. */
static const void *entries[LINES];
static int entry_count;

static void write_registered(const void *entry, const void *fn, const void *site_pc)
{
    entries[entry_count] = entry;
    WRITE("%d registered%s%s", entry_count++, fn == (const void *)note ? " note" : "",
          site_pc ? "" : " nowhere");
}

static void write_over(const void *entry, int how)
{
    int i = entry_count;
    while (i-- > 0 && entries[i] != entry)
        ;
    WRITE("%d over %d", i, how);
}

static void write_misused(int what, const void *object, uint32_t context, uint64_t count,
                          const void *site_pc)
{
    char told = what == CTXTRACE_ATTACH_RECOVERED_NONE && site_pc ? '!' : '?';
    if (write(fd_for_misuse, &told, 1) != 1)
        _exit(9);
}

static uint32_t write_made(uint32_t parent, const char *name, const void *site_pc)
{
    return 7;
}

static uint32_t write_entered(uint32_t id)
{
    uint32_t before = entered_now;
    entered_now = id;
    return before;
}

static void ignore_id(uint32_t id) {}
static void ignore_end_of(uint32_t id, int state, const char *cause) {}
static void ignore_owned(uint32_t id, const void *handle, int is_to_end) {}
static void ignore_why(const char *why) {}
static void ignore_end(void) {}

__attribute__((visibility("default"))) ctxtrace_attach_function ctxtrace_preload_attach_v1;
const struct ctxtrace_attach_v1 *ctxtrace_preload_attach_v1(const void *client)
{
    static const struct ctxtrace_attach_contexts contexts = {.size = sizeof contexts,
                                                             .made = write_made,
                                                             .dropped = ignore_id,
                                                             .owned = ignore_owned,
                                                             .ended = ignore_end_of,
                                                             .entered = write_entered,
                                                             .cleanup_registered = write_registered,
                                                             .cleanup_over = write_over,
                                                             .misused = write_misused};
    static const struct ctxtrace_attach_v1 table = {.size = sizeof table,
                                                    .ignore_begin = ignore_why,
                                                    .ignore_end = ignore_end,
                                                    .contexts = &contexts};
    return &table;
}

static int begin(void **state)
{
    line_count = entry_count = 0;
    return 0;
}

static void assert_lines(const char *const *expected, int count)
{
    for (int i = 0; i < count && i < line_count; i++)
        assert_string_equal(lines[i], expected[i]);
    assert_int_equal(line_count, count);
    line_count = 0;
}

#define ASSERT_LINES(...)                                                                          \
    do {                                                                                           \
        static const char *const expected[] = {__VA_ARGS__};                                       \
        assert_lines(expected, (int)ARRAY_LENGTH(expected));                                       \
    } while (0)

static void lives_are_told(void **state)
{
    {
        ctx_defer(note, (void *)"a");
        ctx_defer_as(dropped, other, (void *)"b");
        ctx_defer_as(early, note, (void *)"c");
        ctx_defer_cancel(dropped);
        ctx_defer_run(early);
    }
    ASSERT_LINES("0 registered note", "1 registered", "2 registered note", "1 over 1", "2 over 0",
                 "runs c", "0 over 0", "runs a");
}

static jmp_buf out;

static __attribute__((noinline)) void skip_one(void)
{
    ctx_defer(note, (void *)"x");
    longjmp(out, 1);
}

static void skipped_ones_are_told(void **state)
{
    if (setjmp(out) == 0)
        skip_one();
    ASSERT_LINES("0 registered note");
    {
        ctx_defer(other, (void *)"a");
    }
    ASSERT_LINES("0 over 2", "1 registered", "1 over 0", "other runs a");
}

static void *exit_thread(void *unused)
{
    ctx_defer(note, (void *)"t");
    pthread_exit(NULL);
}

static void ends_of_threads_are_told(void **state)
{
    pthread_t thread;
    pthread_create(&thread, NULL, exit_thread, NULL);
    pthread_join(thread, NULL);
    ASSERT_LINES("0 registered note", "0 over 2");
}

static void recovered_ones_ran(void **state)
{
    ctx_t *context = ctx_with_name(NULL, "n");
    CTX_TRY
    {
        ctx_defer(note, (void *)"r");
        (void)!ctx_push(context).once;
        assert_int_equal(entered_now, 7);
        ctx_fail(1, "once");
    }
    CTX_RECOVER(code, cause)
    {
        assert_int_equal(entered_now, 0); /* what was active before the try */
    }
    ASSERT_LINES("0 registered note", "0 over 0", "runs r");
    ctx_release(context);
}

static void nobody_recovers(void **state)
{
    int ends[2], status;
    char told = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        fd_for_misuse = ends[1];
        signal(SIGABRT, SIG_DFL); /* cmocka catches it */
        dup2(ends[1], STDERR_FILENO);
        ctx_fail(1, "unrecovered");
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &told, 1), 1);
    assert_int_equal(told, '!');
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    close(ends[0]);
}

#define UNIT(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(lives_are_told),     UNIT(skipped_ones_are_told), UNIT(ends_of_threads_are_told),
        UNIT(recovered_ones_ran), UNIT(nobody_recovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
