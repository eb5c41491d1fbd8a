/* SPDX-License-Identifier: MIT */
/* Contexts in fork children, and contexts that are cancelled in signal handlers. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "unit.h"

/* ---- forks: what a child finds wrong is its exit status, the line ---- */

#define REQUIRE(what)                                                                              \
    do {                                                                                           \
        if (!(what))                                                                               \
            _exit(__LINE__ % 251 + 1);                                                             \
    } while (0)

static void assert_child(pid_t child)
{
    int status = 0;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static _Atomic int calls;

static void count(void *unused)
{
    calls++;
}

static void trees_are_apart(void **state)
{
    ctx_t *top = ctx_with_cancel(NULL), *below = ctx_with_cancel(top);
    int fd = ctx_done_fd(below);
    pid_t child = fork();
    if (child == 0) {
        REQUIRE(ctx_done_fd(below) == fd && !is_readable(fd));
        REQUIRE(fcntl(fd, F_GETFD) == FD_CLOEXEC);
        ctx_cancel_cause(top, EIO, "in the child");
        REQUIRE(ctx_err(below) == ECANCELED && ctx_wait(below, 0) == 0);
        struct pollfd one = {.fd = fd, .events = POLLIN};
        REQUIRE(poll(&one, 1, 60000) == 1);
        ctx_release(below), ctx_release(top);
        _exit(0);
    }
    assert_child(child);
    assert_int_equal(ctx_err(below), 0);
    assert_false(is_readable(fd));
    ctx_release(below);
    ctx_cancel(top), ctx_release(top);
}

/* With the tracker: what the parent had acquired just before is not the child's to give back. */
static void child_owes_nothing(void **state)
{
    enum { FORKS = 10 };
    fflush(NULL); /* the child ends as a process does */
    for (int i = 0; i < FORKS; i++) {
        CTX_OWNED ctx_t *context = ctx_with_cancel(NULL);
        char *block = NULL;
        CTX_SCOPE(context)
        block = malloc(77);
        assert_non_null(block);
        pid_t child = fork();
        if (child == 0) {
            ctx_cancel(context);
            exit(0);
        }
        assert_child(child);
        free(block);
    }
}

static void parent_ends_first(void **state)
{
    int to_child[2];
    char byte;
    assert_int_equal(pipe(to_child), 0);
    ctx_t *context = ctx_with_cancel(NULL), *timed = ctx_with_timeout(NULL, A_WHILE, 0, NULL);
    int fd = ctx_done_fd(context), timed_fd = ctx_done_fd(timed);
    pid_t child = fork();
    if (child == 0) {
        REQUIRE(read(to_child[0], &byte, 1) == 1);
        REQUIRE(!is_readable(fd) && ctx_err(context) == 0);
        struct pollfd one = {.fd = timed_fd, .events = POLLIN};
        REQUIRE(poll(&one, 1, 60000) == 1 && ctx_err(timed) == ETIMEDOUT);
        _exit(0);
    }
    ctx_cancel(context);
    assert_int_equal(write(to_child[1], "x", 1), 1);
    assert_child(child);
    close(to_child[0]), close(to_child[1]);
    ctx_release(context), ctx_release(timed);
}

static void helper_comes_again(void **state)
{
    ctx_t *context = ctx_with_cancel(NULL);
    ctx_t *timed = ctx_with_timeout(NULL, 2 * A_WHILE, 0, NULL);
    assert_non_null(ctx_after_func(context, count, NULL));
    assert_non_null(ctx_after_func(timed, count, NULL));
    pid_t child = fork();
    if (child == 0) {
        ctx_cancel(context);
        REQUIRE(comes(&calls, 2)); /* the deadline's, too */
        _exit(0);
    }
    assert_child(child);
    assert_int_equal(ctx_wait(timed, LONG_ENOUGH), 0);
    assert_true(comes(&calls, 1));
    ctx_cancel(context);
    assert_true(comes(&calls, 2));
    ctx_release(context), ctx_release(timed);
}

/* A child without a number to spare does not arm what is its parent's, too. */
static void forks_without_descriptors(void **state)
{
    ctx_t *context = ctx_with_cancel(NULL);
    int fd = ctx_done_fd(context), last = -1, all[64], count_of_all = 0;
    struct rlimit before, few = {.rlim_cur = 0};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    while (count_of_all < 64 && last < fd + 8) { /* all numbers up to the last are taken then */
        last = dup(fd);
        all[count_of_all++] = last;
    }
    few = (struct rlimit){.rlim_cur = (rlim_t)last + 1, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    pid_t child = fork();
    if (child == 0) {
        REQUIRE(ctx_done_fd(context) == fd && fcntl(fd, F_GETFD) == FD_CLOEXEC);
        ctx_cancel(context);
        struct pollfd one = {.fd = fd, .events = POLLIN};
        REQUIRE(poll(&one, 1, 60000) == 1);
        _exit(0);
    }
    setrlimit(RLIMIT_NOFILE, &before);
    while (count_of_all > 0)
        close(all[--count_of_all]);
    assert_child(child);
    usleep(A_WHILE / 1000);
    assert_false(is_readable(fd));
    ctx_cancel(context), ctx_release(context);
}

static pthread_mutex_t waited_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t waited_cond = PTHREAD_COND_INITIALIZER;
static _Atomic int waiting;

static void *wait_beside_a_condition(void *context)
{
    pthread_mutex_lock(&waited_mutex);
    waiting = 1;
    while (ctx_cond_wait(context, &waited_cond, &waited_mutex) == 0)
        ;
    pthread_mutex_unlock(&waited_mutex);
    return NULL;
}

static void *reuse_the_stack(void *unused)
{
    char stack[200000];
    memset(stack, 0x41, sizeof stack);
    __asm__ volatile("" : : "r"(stack) : "memory");
    return NULL;
}

/* What would wake a thread of the parent finds neither it nor its stack in the child. */
__attribute__((unused)) static void waiters_stay_with_the_parent(void **state)
{
    ctx_t *context = ctx_with_cancel(NULL);
    pthread_t thread, other;
    waiting = 0;
    assert_int_equal(pthread_create(&thread, NULL, wait_beside_a_condition, context), 0);
    assert_true(comes(&waiting, 1));
    pthread_mutex_lock(&waited_mutex); /* it sleeps by now */
    pthread_mutex_unlock(&waited_mutex);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 4; i++) {
            REQUIRE(pthread_create(&other, NULL, reuse_the_stack, NULL) == 0);
            pthread_join(other, NULL);
        }
        REQUIRE(ctx_after_func(context, count, NULL));
        ctx_cancel(context);
        REQUIRE(comes(&calls, 1));
        usleep(A_WHILE / 1000); /* the waker would have come by now */
        _exit(0);
    }
    assert_child(child);
    ctx_cancel(context);
    pthread_join(thread, NULL);
    ctx_release(context);
}

/* ---- threads that are being cancelled ---- */

static void count_where_cancelled(void *unused)
{
    pthread_testcancel();
    calls++;
}

static const ctx_key_t cancelled_key = {.name = "k", .destroy = count_where_cancelled};
static int released_fd;

static void *release_it(void *parent)
{
    ctx_t *context = ctx_with_value(parent, &cancelled_key, parent);
    released_fd = ctx_done_fd(context);
    pthread_cancel(pthread_self());
    ctx_release(context);
    calls += 10;
    return NULL;
}

static void releases_are_whole(void **state)
{
    ctx_t *parent = ctx_with_cancel(NULL);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, release_it, parent), 0);
    pthread_join(thread, NULL);
    assert_int_equal(calls, 11);
    assert_int_equal(fcntl(released_fd, F_GETFD), -1);
    ctx_cancel(parent), ctx_release(parent);
}

static void *fork_it(void *ret_child)
{
    int before = 0;
    pthread_cancel(pthread_self());
    pid_t child = fork();
    if (child == 0)
        _exit(7);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    *(pid_t *)ret_child = child;
    return NULL;
}

static void forks_are_whole(void **state)
{
    ctx_t *context = ctx_with_cancel(NULL);
    pthread_t thread;
    pid_t child = 0;
    int status = 0;
    assert_true(ctx_done_fd(context) >= 0);
    assert_int_equal(pthread_create(&thread, NULL, fork_it, &child), 0);
    pthread_join(thread, NULL);
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 7 << 8);
    ctx_cancel(context), ctx_release(context);
}

static _Atomic int stop_walks;

static void *walk_on(void *unused)
{
    while (!stop_walks) {
        ctx_t *top = ctx_with_cancel(NULL), *below[50];
        for (int i = 0; i < 50; i++)
            below[i] = ctx_with_cancel(top);
        ctx_cancel(top);
        for (int i = 0; i < 50; i++)
            ctx_release(below[i]);
        ctx_release(top);
    }
    return NULL;
}

/* With so many that cancel there is hardly a moment without a walk. */
static void forks_do_not_starve(void **state)
{
    pthread_t threads[16];
    stop_walks = 0;
    for (int i = 0; i < 16; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, walk_on, NULL), 0);
    uint64_t begin_ns = monotonic_ns();
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        if (child == 0) {
            ctx_t *top = ctx_with_cancel(NULL), *below = ctx_with_cancel(top);
            ctx_cancel(top);
            REQUIRE(ctx_err(below) == ECANCELED);
            _exit(0);
        }
        assert_child(child);
    }
    uint64_t taken_ns = monotonic_ns() - begin_ns;
    stop_walks = 1;
    for (int i = 0; i < 16; i++)
        pthread_join(threads[i], NULL);
    assert_true(taken_ns < 20 * CTX_SECOND);
}

static _Atomic int stop_storm;

static void *storm(void *top)
{
    while (!stop_storm) {
        ctx_t *one = ctx_with_cancel(top), *below[8];
        for (int i = 0; i < 8; i++)
            below[i] = ctx_with_timeout(i ? below[i / 2] : one, LONG_ENOUGH, 0, NULL);
        ctx_after_t *handle = ctx_after_func(below[5], count, NULL);
        assert_true(ctx_done_fd(below[7]) >= 0);
        if (ctx_stop(handle) != 1)
            abort();
        ctx_cancel(one);
        for (int i = 0; i < 8; i++)
            ctx_release(below[i]);
        ctx_release(one);
    }
    return NULL;
}

/* Children of a process whose other threads are in the middle of everything. */
static void forks_amid_a_storm(void **state)
{
    pthread_t threads[3];
    ctx_t *top = ctx_with_cancel(NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, storm, top), 0);
    for (int i = 0; i < 50; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(60);
            ctx_t *mine = ctx_with_cancel(top);
            ctx_cancel(top); /* returns: nobody is left to wait for */
            REQUIRE(ctx_err(mine) == ECANCELED);
            ctx_release(mine);
            _exit(0);
        }
        assert_child(child);
    }
    stop_storm = 1;
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(ctx_err(top), 0);
    ctx_cancel(top), ctx_release(top);
}

/* ---- signals ---- */

static ctx_t *volatile target;
static volatile sig_atomic_t seen_err;

static void cancel_target(int signal)
{
    int before = errno;
    errno = 77;
    ctx_cancel_from_signal(target, EINTR);
    ctx_cancel_from_signal(target, EIO); /* the first one wins */
    seen_err = ctx_err(target) == ECANCELED && ctx_current() && ctx_id(target) && errno == 77;
    errno = before;
}

static void begin_signal(ctx_t *context)
{
    struct sigaction action = {.sa_handler = cancel_target};
    target = context;
    seen_err = 0;
    sigaction(SIGUSR2, &action, NULL);
}

static void seen_at_once(void **state)
{
    ctx_t *top = ctx_with_cancel(NULL), *below = ctx_with_cancel(top);
    ctx_t *apart = ctx_without_cancel(top), *beside = ctx_with_cancel(NULL);
    int fd = ctx_done_fd(below), apart_fd = ctx_done_fd(apart), beside_fd = ctx_done_fd(beside);
    begin_signal(top);
    raise(SIGUSR2);
    assert_true(seen_err);
    assert_int_equal(ctx_err(below), ECANCELED);
    struct pollfd one = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&one, 1, 60000), 1);
    assert_int_equal(ctx_err(apart), 0);
    assert_int_equal(ctx_err(beside), 0);
    assert_cause(below, EINTR, "cancelled");
    assert_false(is_readable(apart_fd));
    assert_false(is_readable(beside_fd));
    ctx_t *born = ctx_with_cancel(below);
    assert_int_equal(ctx_err(born), ECANCELED);
    ctx_cancel(beside);
    ctx_release(top), ctx_release(below), ctx_release(apart), ctx_release(beside),
        ctx_release(born);
}

static void released_right_after(void **state)
{
    ctx_t *context = ctx_with_cancel(NULL);
    uint64_t abandoned = ctx_counted(CTXTRACE_COUNT_ABANDONED);
    begin_signal(context);
    raise(SIGUSR2);
    ctx_release(context);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_ABANDONED), abandoned);
}

struct waiter {
    ctx_t *context;
    int result;
};

static void *wait_for_it(void *arg)
{
    struct waiter *waiter = arg;
    waiter->result = ctx_wait(waiter->context, LONG_ENOUGH);
    return NULL;
}

static void *poll_for_it(void *arg)
{
    struct waiter *waiter = arg;
    int result = ctx_poll(waiter->context, NULL, 0);
    waiter->result = result == -1 && errno == ECANCELED ? 0 : -1;
    return NULL;
}

static void *cond_for_it(void *arg)
{
    struct waiter *waiter = arg;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
    pthread_mutex_lock(&mutex);
    while (ctx_cond_wait(waiter->context, &cond, &mutex) == 0)
        ;
    waiter->result = errno == ECANCELED ? 0 : -1;
    pthread_mutex_unlock(&mutex);
    return NULL;
}

/* A thread waits below, in this way; the signal comes to another, which does nothing more. */
static void waits_this_way(void *(*way)(void *))
{
    for (int round = 0; round < 20; round++) {
        pthread_t thread;
        ctx_t *top = ctx_with_cancel(NULL), *below = ctx_with_cancel(top);
        struct waiter waiter = {.context = below, .result = -1};
        begin_signal(top);
        assert_int_equal(pthread_create(&thread, NULL, way, &waiter), 0);
        if (round % 2)
            usleep(2000);
        raise(SIGUSR2);
        pthread_join(thread, NULL);
        assert_int_equal(waiter.result, 0);
        ctx_release(top), ctx_release(below);
    }
}

static void waiters_wake(void **state)
{
    waits_this_way(wait_for_it);
}

static void pollers_wake(void **state)
{
    waits_this_way(poll_for_it);
}

static void waiters_for_conditions_wake(void **state)
{
    waits_this_way(cond_for_it);
}

static void waits_of_the_interrupted(void **state)
{
    ctx_t *context = ctx_with_cancel(NULL);
    begin_signal(context);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
    struct itimerspec soon = {.it_value.tv_nsec = A_WHILE};
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    assert_int_equal(timer_settime(timer, 0, &soon, NULL), 0);
    assert_int_equal(ctx_sleep(context, LONG_ENOUGH), -1);
    assert_int_equal(errno, ECANCELED);
    timer_delete(timer);
    ctx_release(context);
}

static void functions_are_called(void **state)
{
    ctx_t *top = ctx_with_cancel(NULL), *below = ctx_with_cancel(top);
    calls = 0;
    assert_non_null(ctx_after_func(below, count, NULL));
    begin_signal(top);
    raise(SIGUSR2);
    assert_true(comes(&calls, 1)); /* this thread does nothing for it */
    ctx_release(top), ctx_release(below);
}

static void roots_in_handlers(void **state)
{
    begin_signal(NULL);
    ctx_cancel_from_signal(NULL, 0);
    ctx_cancel_from_signal(ctx_background(), 0);
    assert_int_equal(ctx_err(ctx_background()), 0);
}

/* A handler that comes at any moment of whatever libctx does. */
static void *churn(void *top)
{
    while (!stop_storm) {
        ctx_t *one = ctx_with_cancel(top), *below = ctx_with_cancel(one);
        target = below;
        if (ctx_done_fd(below) < 0)
            abort();
        pthread_kill(pthread_self(), SIGUSR2);
        if (ctx_err(below) != ECANCELED || ctx_err(one) != 0)
            abort();
        target = NULL;
        ctx_cancel(one);
        ctx_release(below), ctx_release(one);
    }
    return NULL;
}

static void *kill_it(void *thread)
{
    while (!stop_storm)
        pthread_kill(*(pthread_t *)thread, SIGUSR2);
    return NULL;
}

static void handlers_at_any_moment(void **state)
{
    pthread_t worker, killer;
    ctx_t *top = ctx_with_cancel(NULL);
    stop_storm = 0;
    begin_signal(NULL);
    assert_int_equal(pthread_create(&worker, NULL, churn, top), 0);
    assert_int_equal(pthread_create(&killer, NULL, kill_it, &worker), 0);
    usleep(300000);
    stop_storm = 1;
    pthread_join(killer, NULL);
    pthread_join(worker, NULL);
    ctx_cancel(top), ctx_release(top);
}

static int begin(void **state)
{
    calls = 0;
    return 0;
}

#define UNIT(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* While there is no helper that could do it in their place: */
        UNIT(seen_at_once),
        UNIT(released_right_after),
        UNIT(waiters_wake),
        UNIT(pollers_wake),
        UNIT(waits_of_the_interrupted),
        UNIT(roots_in_handlers),
        UNIT(trees_are_apart),
        UNIT(child_owes_nothing),
        UNIT(parent_ends_first),
        UNIT(helper_comes_again),
        UNIT(forks_amid_a_storm),
        UNIT(waiters_for_conditions_wake),
        UNIT(functions_are_called),
        UNIT(handlers_at_any_moment),
#ifndef __SANITIZE_THREAD__ /* TSan stops at a fork child's threads on the stacks of others */
        UNIT(waiters_stay_with_the_parent),
#endif
        UNIT(releases_are_whole),
        UNIT(forks_are_whole),
        UNIT(forks_without_descriptors),
        UNIT(forks_do_not_starve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
