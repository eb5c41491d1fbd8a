/* SPDX-License-Identifier: MIT */
/* Deadlines, and everything that waits: for a moment, beside descriptors, beside a condition. */
#include <fcntl.h>
#include <limits.h>
#include <sys/epoll.h>

#include "unit.h"

static ctx_t *soon(int code, const char *cause)
{
    return ctx_with_timeout(ctx_background(), A_WHILE, code, cause);
}

static void deadline_passes(void **state)
{
    ctx_t *plain = soon(0, NULL), *coded = soon(EBUSY, "too slow"), *below = ctx_with_cancel(coded);
    assert_int_equal(ctx_err(plain), 0);
    assert_cause(coded, 0, "");
    assert_int_equal(ctx_wait(below, LONG_ENOUGH), 0);
    assert_int_equal(ctx_wait(plain, LONG_ENOUGH), 0);
    assert_int_equal(ctx_err(plain), ETIMEDOUT);
    assert_int_equal(ctx_err(coded), ETIMEDOUT);
    assert_int_equal(ctx_err(below), ETIMEDOUT);
    assert_cause(plain, ETIMEDOUT, "its deadline passed");
    assert_cause(below, EBUSY, "too slow");
    ctx_release(plain), ctx_release(coded), ctx_release(below);
}

static void earlier_deadline_wins(void **state)
{
    uint64_t now = monotonic_ns(), told = 0;
    ctx_t *parent = ctx_with_deadline(NULL, now + A_WHILE, 1, "parent's");
    ctx_t *later = ctx_with_deadline(parent, now + LONG_ENOUGH, 2, "later");
    ctx_t *earlier = ctx_with_deadline(parent, now + A_WHILE / 2, 3, "earlier");
    assert_int_equal(ctx_deadline(later, &told), 1);
    assert_true(told == now + A_WHILE);
    assert_int_equal(ctx_deadline(earlier, &told), 1);
    assert_true(told == now + A_WHILE / 2);
    assert_int_equal(ctx_wait(later, LONG_ENOUGH), 0);
    assert_cause(later, 1, "parent's");
    assert_cause(parent, 1, "parent's");
    assert_int_equal(ctx_err(earlier), ETIMEDOUT);
    ctx_release(parent), ctx_release(later), ctx_release(earlier);
}

static void past_deadline(void **state)
{
    ctx_t *past = ctx_with_deadline(NULL, 1, EBUSY, "long ago"),
          *zero = ctx_with_deadline(NULL, 0, 0, NULL);
    ctx_t *negative = ctx_with_timeout(NULL, -5, 0, NULL), *below = ctx_with_cancel(past);
    assert_int_equal(ctx_err(past), ETIMEDOUT);
    assert_int_equal(ctx_err(zero), ETIMEDOUT);
    assert_int_equal(ctx_err(negative), ETIMEDOUT);
    assert_cause(below, EBUSY, "long ago");
    ctx_release(past), ctx_release(zero), ctx_release(negative), ctx_release(below);
}

static void cancel_before_deadline(void **state)
{
    ctx_t *context = soon(0, NULL);
    ctx_cancel(context);
    assert_int_equal(ctx_err(context), ECANCELED);
    usleep(2 * A_WHILE / 1000);
    assert_int_equal(ctx_err(context), ECANCELED);
    ctx_release(context);
}

/* The deadline was first, though nobody looked. */
static void cancel_after_deadline(void **state)
{
    ctx_t *context = soon(EBUSY, "slow"), *finished = soon(0, NULL);
    usleep(2 * A_WHILE / 1000);
    ctx_cancel(context);
    ctx_finish(finished, CTX_END_OK);
    assert_int_equal(ctx_err(context), ETIMEDOUT);
    assert_cause(context, EBUSY, "slow");
    assert_int_equal(ctx_err(finished), ETIMEDOUT);
    uint64_t before = ctx_counted(CTXTRACE_COUNT_ABANDONED);
    ctx_t *unseen = ctx_with_timeout(NULL, 1, 0, NULL);
    ctx_release(context), ctx_release(finished), ctx_release(unseen);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_ABANDONED), before);
}

/* ---- wait and sleep ---- */

static void *cancel_soon(void *context)
{
    usleep(A_WHILE / 1000);
    ctx_cancel(context);
    return NULL;
}

static pthread_t start(void *(*body)(void *), void *arg)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, body, arg), 0);
    return thread;
}

/* Whoever ends it, and from wherever: the deadline was first. */
static void deadline_comes_before_what_is_later(void **state)
{
    ctx_t *top = ctx_with_cancel(NULL), *below = ctx_with_timeout(top, A_WHILE, EBUSY, "slow");
    ctx_t *later = ctx_with_timeout(top, LONG_ENOUGH, 0, NULL), *last = ctx_with_cancel(below);
    ctx_t *handled = ctx_with_timeout(NULL, A_WHILE, 0, "handled");
    ctx_t *above = ctx_with_cancel(NULL), *first = ctx_with_timeout(above, A_WHILE, 0, "first");
    usleep(2 * A_WHILE / 1000);
    ctx_cancel_cause(top, EIO, "shutdown");
    assert_int_equal(ctx_err(below), ETIMEDOUT);
    assert_cause(below, EBUSY, "slow");
    assert_cause(last, EBUSY, "slow");
    assert_cause(later, EIO, "shutdown");
    ctx_cancel_from_signal(handled, EINTR);
    ctx_cancel_from_signal(above, EINTR);
    assert_int_equal(ctx_err(handled), ETIMEDOUT);
    assert_int_equal(ctx_err(first), ETIMEDOUT);
    assert_cause(handled, ETIMEDOUT, "handled");
    assert_cause(first, ETIMEDOUT, "first");
    assert_cause(above, EINTR, "cancelled");
    ctx_release(last), ctx_release(later), ctx_release(below), ctx_release(top);
    ctx_release(handled), ctx_release(first), ctx_release(above);
}

/* A handler's cancel stays the first, though the deadline comes before anybody walks. */
static void handler_comes_before_the_deadline(void **state)
{
    ctx_t *context = soon(0, "slow"), *below = ctx_with_cancel(context);
    ctx_cancel_from_signal(context, EINTR);
    assert_int_equal(ctx_err(below), ECANCELED);
    usleep(2 * A_WHILE / 1000);
    assert_int_equal(ctx_err(below), ECANCELED);
    assert_cause(below, EINTR, "cancelled");
    assert_cause(context, EINTR, "cancelled");
    ctx_release(below), ctx_release(context);
}

static void wait_ends(void **state)
{
    ctx_t *top = ctx_with_cancel(NULL), *below = ctx_with_name(top, "below");
    uint64_t begun = monotonic_ns();
    assert_int_equal(ctx_wait(below, A_WHILE), -1);
    assert_int_equal(errno, ETIMEDOUT);
    assert_true(monotonic_ns() - begun >= (uint64_t)A_WHILE);
    pthread_t thread = start(cancel_soon, top);
    assert_int_equal(ctx_wait(below, CTX_FOREVER), 0);
    pthread_join(thread, NULL);
    ctx_release(top), ctx_release(below);
}

static void sleep_ends(void **state)
{
    ctx_t *top = ctx_with_cancel(NULL), *timed = soon(0, NULL);
    uint64_t begun = monotonic_ns();
    assert_int_equal(ctx_sleep(top, A_WHILE), 0);
    assert_int_equal(ctx_sleep(NULL, 1), 0);
    assert_true(monotonic_ns() - begun >= (uint64_t)A_WHILE);
    assert_int_equal(ctx_sleep(timed, LONG_ENOUGH), -1);
    assert_int_equal(errno, ETIMEDOUT);
    pthread_t thread = start(cancel_soon, top);
    assert_int_equal(ctx_sleep(top, INT64_MAX), -1);
    assert_int_equal(errno, ECANCELED);
    pthread_join(thread, NULL);
    assert_true(monotonic_ns() - begun < (uint64_t)LONG_ENOUGH);
    ctx_release(top), ctx_release(timed);
}

/* ---- descriptors ---- */

static void for_ever(void **state)
{
    uint64_t told = 0, moment = monotonic_ns() + A_WHILE;
    ctx_t *top = ctx_with_timeout(NULL, CTX_FOREVER, 0, NULL);
    ctx_t *parent = ctx_with_deadline(top, moment, 0, NULL);
    ctx_t *below = ctx_with_timeout(parent, CTX_FOREVER, 0, NULL);
    assert_int_equal(ctx_err(top), 0);
    assert_int_equal(ctx_deadline(top, &told), 0);
    assert_int_equal(ctx_deadline(below, &told), 1);
    assert_true(told == moment);
    assert_int_equal(ctx_sleep(below, CTX_FOREVER), -1);
    assert_int_equal(errno, ETIMEDOUT);
    ctx_cancel(top);
    ctx_release(below), ctx_release(parent), ctx_release(top);
}

static void done_fd_is_readable_for_ever(void **state)
{
    ctx_t *top = ctx_with_cancel(NULL), *below = ctx_with_cancel(top), *late = ctx_with_cancel(top);
    int fd = ctx_done_fd(below);
    assert_true(fd >= 0);
    assert_int_equal(ctx_done_fd(below), fd);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_false(is_readable(fd));
    ctx_cancel(top);
    assert_int_equal(ctx_wait(below, 0), 0);
    struct pollfd one = {.fd = fd, .events = POLLIN};
    for (int i = 0; i < 3; i++)
        assert_int_equal(poll(&one, 1, (int)(LONG_ENOUGH / MILLISECOND)), 1);
    one.fd = ctx_done_fd(late);
    assert_int_equal(poll(&one, 1, (int)(LONG_ENOUGH / MILLISECOND)), 1);
    assert_false(is_readable(ctx_done_fd(ctx_background())));
    ctx_release(top), ctx_release(late), ctx_release(below);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void done_fd_at_the_deadline(void **state)
{
    ctx_t *context = soon(0, NULL), *below = ctx_with_cancel(context);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = 7}, seen = {.events = 0};
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, ctx_done_fd(below), &event), 0);
    assert_int_equal(epoll_wait(epoll, &seen, 1, (int)(LONG_ENOUGH / MILLISECOND)), 1);
    assert_int_equal(seen.data.u32, 7);
    assert_int_equal(ctx_err(below), ETIMEDOUT);
    close(epoll);
    ctx_release(context), ctx_release(below);
}

static void poll_ends(void **state)
{
    int ends[2];
    struct pollfd many[40];
    assert_int_equal(pipe(ends), 0);
    ctx_t *context = ctx_with_cancel(NULL), *timed = soon(0, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(many); i++)
        many[i] = (struct pollfd){.fd = ends[0], .events = POLLIN, .revents = 99};
    assert_int_equal(ctx_poll(timed, many, 1), -1);
    assert_int_equal(errno, ETIMEDOUT);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(ctx_poll(context, many, 1), 1);
    assert_int_equal(many[0].revents, POLLIN);
    assert_int_equal(ctx_poll(context, many, ARRAY_LENGTH(many)), ARRAY_LENGTH(many));
    assert_int_equal(ctx_poll(NULL, many, 1), 1);
    pthread_t thread = start(cancel_soon, context);
    assert_int_equal(ctx_poll(context, NULL, 0), -1);
    assert_int_equal(errno, ECANCELED);
    pthread_join(thread, NULL);
    assert_int_equal(ctx_poll(context, many, 1), -1);
    assert_int_equal(errno, ECANCELED);
    close(ends[0]), close(ends[1]);
    ctx_release(context), ctx_release(timed);
}

/* ---- conditions ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static bool is_there;

static void *signal_soon(void *unused)
{
    usleep(A_WHILE / 1000);
    pthread_mutex_lock(&mutex);
    is_there = true;
    pthread_cond_signal(&cond);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

/* Whoever closes the descriptor is told, or waits without it, but never spins. */
static void poll_without_its_descriptor(void **state)
{
    ctx_t *context = ctx_with_cancel(NULL), *timed = soon(0, NULL);
    struct pollfd none = {.fd = -1};
    struct timespec begin, end;
    assert_int_equal(ctx_poll(context, &none, (nfds_t)INT_MAX), -1);
    assert_int_equal(errno, EINVAL);
    int fd = ctx_done_fd(context), timed_fd = ctx_done_fd(timed);
    int readable = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    assert_int_equal(dup2(readable, timed_fd), timed_fd);
    close(readable);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    assert_int_equal(ctx_poll(timed, &none, 1), -1);
    assert_int_equal(errno, ETIMEDOUT);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    assert_true((end.tv_sec - begin.tv_sec) * CTX_SECOND + end.tv_nsec - begin.tv_nsec <
                A_WHILE / 2);
    close(fd);
    assert_int_equal(ctx_poll(context, &none, 1), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(open("/dev/null", O_RDONLY | O_CLOEXEC), fd); /* it closes this one */
    ctx_cancel(context), ctx_release(context);
    ctx_release(timed);
}

static void cond_wait_is_signalled(void **state)
{
    ctx_t *contexts[] = {ctx_with_cancel(NULL), ctx_with_timeout(NULL, LONG_ENOUGH, 0, NULL), NULL};
    for (size_t i = 0; i < ARRAY_LENGTH(contexts); i++) {
        pthread_t thread = start(signal_soon, NULL);
        pthread_mutex_lock(&mutex);
        while (!is_there)
            assert_int_equal(ctx_cond_wait(contexts[i], &cond, &mutex), 0);
        is_there = false;
        pthread_mutex_unlock(&mutex);
        pthread_join(thread, NULL);
        ctx_cancel(contexts[i]);
        ctx_release(contexts[i]);
    }
}

static void cond_wait_ends(void **state)
{
    ctx_t *context = ctx_with_cancel(NULL), *timed = soon(0, NULL);
    pthread_mutex_lock(&mutex);
    assert_int_equal(ctx_cond_wait(timed, &cond, &mutex), -1);
    assert_int_equal(errno, ETIMEDOUT);
    pthread_t thread = start(cancel_soon, context);
    int result = 0;
    while (result == 0)
        result = ctx_cond_wait(context, &cond, &mutex);
    assert_int_equal(errno, ECANCELED);
    assert_int_equal(ctx_cond_wait(context, &cond, &mutex), -1);
    assert_int_equal(pthread_mutex_trylock(&mutex), EBUSY); /* ours */
    pthread_mutex_unlock(&mutex);
    pthread_join(thread, NULL);
    ctx_release(context), ctx_release(timed);
}

/* Many at once, with objects that are gone right after the wait. */
static void *wait_on_stack(void *context)
{
    pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t never = PTHREAD_COND_INITIALIZER;
    pthread_mutex_lock(&own);
    while (ctx_cond_wait(context, &never, &own) == 0)
        ;
    pthread_mutex_unlock(&own);
    pthread_mutex_destroy(&own);
    pthread_cond_destroy(&never);
    return NULL;
}

static void cond_waits_end_together(void **state)
{
    pthread_t threads[8];
    for (int round = 0; round < 20; round++) {
        ctx_t *context = ctx_with_cancel(NULL);
        for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
            threads[i] = start(wait_on_stack, context);
        ctx_cancel(context);
        for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
            pthread_join(threads[i], NULL);
        ctx_release(context);
    }
}

static void unlock_it(void *taken)
{
    pthread_mutex_unlock(taken);
}

static void *wait_until_cancelled(void *context)
{
    pthread_mutex_lock(&mutex);
    pthread_cleanup_push(unlock_it, &mutex);
    while (ctx_cond_wait(context, &cond, &mutex) == 0)
        ;
    pthread_cleanup_pop(1);
    return NULL;
}

static void *poll_until_cancelled(void *context)
{
    struct pollfd many[100];
    for (size_t i = 0; i < ARRAY_LENGTH(many); i++)
        many[i].fd = -1;
    return ctx_poll(context, many, ARRAY_LENGTH(many)) < 0 ? NULL : context;
}

static void threads_are_cancelled_in_waits(void **state)
{
    void *(*const bodies[])(void *) = {wait_until_cancelled, poll_until_cancelled};
    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
        ctx_t *context = ctx_with_cancel(NULL);
        pthread_t thread = start(bodies[i], context);
        void *result = NULL;
        usleep(A_WHILE / 1000);
        pthread_cancel(thread);
        pthread_join(thread, &result);
        assert_ptr_equal(result, PTHREAD_CANCELED);
        ctx_cancel(context);
        ctx_release(context);
    }
    assert_int_equal(pthread_mutex_trylock(&mutex), 0);
    pthread_mutex_unlock(&mutex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deadline_passes),
        cmocka_unit_test(earlier_deadline_wins),
        cmocka_unit_test(past_deadline),
        cmocka_unit_test(cancel_before_deadline),
        cmocka_unit_test(cancel_after_deadline),
        cmocka_unit_test(deadline_comes_before_what_is_later),
        cmocka_unit_test(handler_comes_before_the_deadline),
        cmocka_unit_test(wait_ends),
        cmocka_unit_test(sleep_ends),
        cmocka_unit_test(for_ever),
        cmocka_unit_test(done_fd_is_readable_for_ever),
        cmocka_unit_test(done_fd_at_the_deadline),
        cmocka_unit_test(poll_ends),
        cmocka_unit_test(poll_without_its_descriptor),
        cmocka_unit_test(cond_wait_is_signalled),
        cmocka_unit_test(cond_wait_ends),
        cmocka_unit_test(cond_waits_end_together),
        cmocka_unit_test(threads_are_cancelled_in_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
