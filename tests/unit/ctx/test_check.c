/* SPDX-License-Identifier: MIT */
/*
 * What a program's own tests ask. Without the tracker each answer is "nobody knows"; with it
 * (the traced row) each thing is counted with its context, and with no other.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>

static bool traced;

static int count_of(ctx_t *context)
{
    return (int)ctx_counts(&(ctx_check_t){.context = context});
}

static int open_one(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void nobody_knows(void **state)
{
    char text[16] = "before";
    if (traced)
        return;
    errno = 0;
    assert_int_equal(ctx_check(NULL, text, sizeof text), -1);
    assert_int_equal(errno, ENOSYS);
    assert_string_equal(text, "");
    assert_int_equal(ctx_verify_none(&(ctx_check_t){.patience_ns = CTX_FOREVER}), -1);
    assert_int_equal(ctx_counts(NULL), -1);
    assert_int_equal(ctx_foreach(NULL, NULL, NULL), -1);
    assert_int_equal(ctx_snapshot("/nonexistent/dump"), -1);
    assert_int_equal(ctx_mark(), 0);
}

/* CTXTRACE_REQUIRE=1: not to be overlooked. */
static void required(void **state)
{
    int status = 0;
    if (traced)
        return;
    pid_t child = fork();
    if (child == 0) {
        setenv("CTXTRACE_REQUIRE", "1", 1);
        freopen("/dev/null", "w", stderr);
        _exit(ctx_check(NULL, NULL, 0) == 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void its_own_alone(void **state)
{
    ctx_t *one = ctx_with_name(NULL, "one"), *other = ctx_with_name(NULL, "other");
    ctx_t *below = ctx_with_cancel(one);
    int fds[3] = {-1, -1, -1};
    char *block = NULL;
    if (!traced)
        goto out;
    CTX_SCOPE(one)
    fds[0] = open_one();
    CTX_SCOPE(below)
    {
        fds[1] = open_one();
        block = malloc(100);
    }
    CTX_SCOPE(other)
    fds[2] = open_one();
    assert_int_equal(count_of(one), 3);
    assert_int_equal(count_of(below), 2);
    assert_int_equal(count_of(other), 1);
    assert_int_equal(ctx_counts(&(ctx_check_t){.context = one, .kind = "fd"}), 2);
    assert_int_equal(ctx_counts(&(ctx_check_t){.context = one, .kind = "memory"}), 1);
    assert_int_equal(ctx_counts(&(ctx_check_t){.context = one, .kind = "socket"}), 0);
    close(fds[1]);
    free(block);
    assert_int_equal(count_of(below), 0);
    assert_int_equal(ctx_verify_none(&(ctx_check_t){.context = below}), 0);
    close(fds[0]), close(fds[2]);
out:
    ctx_cancel(one), ctx_cancel(other);
    ctx_release(below), ctx_release(one), ctx_release(other);
}

static void said_in_words(void **state)
{
    ctx_t *test = ctx_with_name(NULL, "words");
    char text[512], tiny[8];
    if (traced) {
        int fd = -1;
        CTX_SCOPE(test)
        fd = open_one();
        ctx_check_t what = {.context = test, .patience_ns = CTX_FOREVER};
        assert_int_equal(ctx_check(&what, text, sizeof text), 1);
        assert_non_null(strstr(text, "fd "));
        assert_non_null(strstr(text, ", of words, by "));
        assert_non_null(strstr(text, "open"));
        assert_int_equal(text[strlen(text) - 1], '\n');
        assert_int_equal(ctx_check(&what, tiny, sizeof tiny), 1);
        assert_int_equal(strlen(tiny), sizeof tiny - 1);
        close(fd);
    }
    ctx_cancel(test);
    ctx_release(test);
}

/* What was acquired before does not count, though it is of the same millisecond. */
static void since_a_mark(void **state)
{
    if (!traced)
        return;
    int before = open_one();
    uint64_t mark = ctx_mark();
    ctx_check_t what = {.since = mark, .kind = "fd"};
    assert_int_equal(ctx_counts(&what), 0);
    int after = open_one();
    assert_int_equal(ctx_counts(&what), 1);
    close(before), close(after);
    assert_int_equal(ctx_counts(&what), 0);
}

static _Atomic int may_close;

static void *close_later(void *fd)
{
    while (!may_close)
        sched_yield();
    nanosleep(&(struct timespec){.tv_nsec = 30 * MILLISECOND}, NULL);
    close(*(int *)fd);
    return NULL;
}

/* What is on its way out is waited for. */
static void patience(void **state)
{
    ctx_t *test = ctx_with_name(NULL, "patience");
    pthread_t thread;
    int fd = -1;
    if (traced) {
        CTX_SCOPE(test)
        fd = open_one();
        assert_int_equal(pthread_create(&thread, NULL, close_later, &fd), 0);
        ctx_check_t hasty = {.context = test, .patience_ns = CTX_FOREVER};
        assert_int_equal(ctx_check(&hasty, NULL, 0), 1);
        may_close = 1;
        ctx_check_t patient = {.context = test, .patience_ns = LONG_ENOUGH};
        assert_int_equal(ctx_check(&patient, NULL, 0), 0);
        pthread_join(thread, NULL);
    }
    ctx_cancel(test);
    ctx_release(test);
}

static void collect(const struct ctxtrace_held *held, void *arg)
{
    uint64_t *handle = arg;
    assert_true(held->size >= sizeof *held);
    assert_string_equal(held->kind, "transaction");
    assert_true(held->frame_count > 0);
    *handle = held->handle;
}

/* A resource of the program's own, handed on. */
static void own_and_moved(void **state)
{
    static int object;
    ctx_t *from = ctx_with_name(NULL, "from"), *to = ctx_with_name(NULL, "to");
    uint64_t handle = 0;
    int fd = -1;
    if (traced) {
        CTX_SCOPE(from)
        {
            assert_int_equal(ctx_acquire("transaction", &object), 0);
            fd = open_one();
        }
        assert_int_equal(
            ctx_foreach(&(ctx_check_t){.context = from, .kind = "transaction"}, collect, &handle),
            0);
        assert_ptr_equal((void *)(uintptr_t)handle, &object);
        assert_int_equal(count_of(from), 2);
        assert_int_equal(ctx_transfer("transaction", &object, to), 0);
        assert_int_equal(ctx_fd_transfer(fd, to), 0);
        assert_int_equal(count_of(from), 0);
        assert_int_equal(count_of(to), 2);
        CTX_SCOPE(from)
        assert_int_equal(ctx_adopt(CTX_FD, CTX_NUMBER(fd)), 0);
        assert_int_equal(count_of(from), 1);
        assert_int_equal(ctx_give_back("transaction", &object, CTX_OK), 0);
        assert_int_equal(ctx_transfer("transaction", &object, to), -1);
        close(fd);
        assert_int_equal(count_of(to) + count_of(from), 0);
    } else {
        assert_int_equal(ctx_acquire("transaction", &object), -1);
        assert_int_equal(ctx_fd_transfer(0, to), -1);
        ctx_note(from, "key", "%d", 1);
        ctx_grace(from, 1);
    }
    ctx_cancel(from), ctx_cancel(to);
    ctx_release(from), ctx_release(to);
}

/* Meant to be held, and libc's own. */
static void not_told(void **state)
{
    ctx_t *test = ctx_with_name(NULL, "not told");
    void *block = NULL;
    if (traced) {
        CTX_SCOPE(test)
        {
            ctx_ignore_begin("kept");
            block = malloc(10);
            ctx_ignore_end();
            setenv("A_NEW_VARIABLE", "1", 1);
        }
        assert_int_equal(ctx_verify_none(&(ctx_check_t){.context = test}), 0);
        free(block);
    }
    ctx_cancel(test);
    ctx_release(test);
}

static void snapshot(void **state)
{
    char path[] = "/tmp/ctx-check-XXXXXX", magic[8] = "";
    int fd = mkstemp(path);
    if (traced) {
        assert_int_equal(ctx_snapshot(path), 0);
        assert_int_equal(pread(fd, magic, sizeof magic, 0), sizeof magic);
        assert_memory_equal(magic, "CTXTRACE", sizeof magic);
        assert_int_equal(ctx_snapshot("/nonexistent/folder/dump"), -1);
    }
    close(fd);
    unlink(path);
}

int main(void)
{
    traced = ctx_counts(NULL) >= 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_knows),  cmocka_unit_test(required),
        cmocka_unit_test(its_own_alone), cmocka_unit_test(said_in_words),
        cmocka_unit_test(since_a_mark),  cmocka_unit_test(patience),
        cmocka_unit_test(own_and_moved), cmocka_unit_test(not_told),
        cmocka_unit_test(snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
