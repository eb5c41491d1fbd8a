/* SPDX-License-Identifier: MIT */
/*
 * Unit tests that fail when they leave something behind, without a framework. They run at the
 * same time, each in a context of its own: that is what tells their resources apart.
 *
 *     cc check_plain.c $(pkg-config --cflags --libs ctxtrace) && ctxtrace run ./a.out
 *
 * Without the tracker nobody can tell, and the tests fail (ENOSYS).
 */
#define _GNU_SOURCE 1
#include <ctxtrace.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TEST_TIME (30 * CTX_SECOND)

/* ---- what is tested ---- */

/* The bytes of a file up to the first line that begins with '#'; -1: there is none, or the
 * file begins with one. */
static int count_text(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), count = 0, is_start = 1;
    char byte;

    if (fd < 0)
        return -1;
    while (read(fd, &byte, 1) == 1 && !(is_start && byte == '#')) {
        is_start = byte == '\n';
        count++;
    }
#ifndef FIXED
    if (count == 0)
        return -1; /* THE LEAK: the file is still open */
#endif
    close(fd);
    return count > 0 ? count : -1;
}

/* A file with this text that is gone with its descriptor; its name under /proc. */
static int make_file(const char *text, char *ret_path, size_t size)
{
    int fd = memfd_create("text", MFD_CLOEXEC);

    if (fd >= 0 && write(fd, text, strlen(text)) < 0)
        return -1;
    snprintf(ret_path, size, "/proc/self/fd/%d", fd);
    return fd;
}

/* ---- the tests ---- */

static int count_of(const char *text)
{
    char path[64];
    int fd = make_file(text, path, sizeof path);
    CTX_CLOSE_FD(fd);

    return count_text(path);
}

static int test_whole_file(void)
{
    return count_of("one\ntwo\n") == 8;
}

static int test_stops_at_comment(void)
{
    return count_of("one\n#two\n") == 4;
}

static int test_only_a_comment(void)
{
    return count_of("#one\n") == -1;
}

static int test_no_such_file(void)
{
    return count_text("/nonexistent") == -1;
}

/* ---- running them ---- */

struct test {
    const char *name;
    int (*run)(void);
    int is_right, left; /* left: as of ctx_check */
    char text[512];
};

static void run_test(void *arg)
{
    struct test *test = arg;
    CTX_OWNED ctx_t *timed =
        ctx_with_timeout(ctx_background(), TEST_TIME, 0, "the test takes too long");
    CTX_OWNED ctx_t *context = ctx_with_name(timed, test->name);

    CTX_SCOPE(context)
    test->is_right = test->run();
    test->left = ctx_check(&(ctx_check_t){.context = context}, test->text, sizeof test->text);
    if (test->left < 0)
        snprintf(test->text, sizeof test->text, "%s\n", strerror(errno));
}

int main(void)
{
    static struct test tests[] = {
        {.name = "whole file", .run = test_whole_file},
        {.name = "stops at a comment", .run = test_stops_at_comment},
        {.name = "only a comment", .run = test_only_a_comment},
        {.name = "no such file", .run = test_no_such_file},
    };
    enum { TESTS = sizeof tests / sizeof *tests };
    ctx_waitgroup_t running = CTX_WG_INIT;
    int failed = 0;

    for (int i = 0; i < TESTS; i++)
        if (ctx_go(ctx_background(), &running, tests[i].name, run_test, &tests[i]) != 0)
            tests[i].left = -1;
    if (ctx_wg_wait(&running, ctx_background()) != 0)
        return 1;
    for (int i = 0; i < TESTS; i++) {
        int is_ok = tests[i].is_right && tests[i].left == 0;
        printf("%s %s\n%s", is_ok ? "ok" : "FAILED", tests[i].name, tests[i].text);
        failed += !is_ok;
    }
    return failed ? 1 : 0;
}
