/* SPDX-License-Identifier: MIT */
/* ctxtrace.hpp, and what it promises: owners end and release, scopes are left by exceptions. */
#include <ctxtrace.hpp>

#include <cerrno>
#include <cstdio>
#include <stdexcept>

static int failures;

#define REQUIRE(what)                                                                              \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            std::printf("%d: not so: %s\n", __LINE__, #what);                                      \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

static void throw_within(const ctx::context &context)
{
    ctx::scope active(context);
    REQUIRE(ctx_current() == context.get());
    CTX_SCOPE(nullptr)
    throw std::runtime_error("out");
}

static void work_as_a_task(const ctx::context &context)
{
    ctx::task one(ctx_task_begin(context.get(), "one")), other = std::move(one);
    ctx::at_work entered(other);
    other.blocked("reply");
    other.blocked(nullptr);
    REQUIRE(ctx_current() == context.get() && one.get() == nullptr);
}

static void work_on_threads(const ctx::context &context)
{
    ctx::waitgroup workers;
    std::unique_ptr<int> only(new int(7));
    int sum = 0, part = 5;
    ctxtrace_t *seen = nullptr;
    REQUIRE(workers.go(context.get(), "worker", [&] { sum += part, seen = ctx_current(); }) == 0);
    REQUIRE(workers.wait() == 0 && workers.count() == 0);
    REQUIRE(sum == 5 && seen == context.get());
    ctx::context ended(ctx_with_cancel(context.get()));
    ended.cancel();
    REQUIRE(workers.go(ended.get(), "never", [&] { sum = 0; }) == ECANCELED);
    workers.add();
    workers.done();
    REQUIRE(workers.wait(ended.get()) == 0 && sum == 5);
}

static void work_in_a_group(const ctx::context &context)
{
    ctx::group group(ctx_eg_new(context.get()));
    ctxtrace_t *inside = group.context();
    REQUIRE(group.limit(1) == 0);
    REQUIRE(group.go("waits", [=] { return ctx_wait(inside, CTX_FOREVER); }) == 0);
    REQUIRE(group.try_go("none", [] { return 0; }) == EBUSY);
    ctx_cancel_cause(inside, 1, "enough");
    REQUIRE(group.wait() == 0);
    ctx::group failing(ctx_eg_new(context.get()));
    REQUIRE(failing.go("fails", [] { return 5; }) == 0);
    REQUIRE(failing.wait() == 5 && ctx_cause(failing.context(), nullptr, 0) == 5);
}

int main()
{
    ctx::context outer(ctx_with_cancel(ctx_background()));
    ctx::context copy = outer, moved = std::move(copy), background;
    REQUIRE(moved.get() == outer.get() && copy.get() == ctx_background());
    ctx::context kept;
    {
        ctx::owned request(ctx_with_timeout(outer.get(), CTX_SECOND, 0, nullptr));
        ctx::owned taken = std::move(request);
        ctx::scope active(taken);
        kept = taken.share();
        REQUIRE(kept.err() == 0 && ctx_current() == kept.get());
    }
    REQUIRE(kept.err() == ECANCELED && outer.err() == 0);
    REQUIRE(ctx_current() == ctx_background());
    try {
        throw_within(outer);
    } catch (const std::runtime_error &) {
        REQUIRE(ctx_current() == ctx_background());
    }
    work_as_a_task(outer);
    work_on_threads(outer);
    work_in_a_group(outer);
    {
        CTX_DEFER
        {
            outer.cancel();
        };
        CTX_DEFER_AS(cancelled)
        {
            REQUIRE(false);
        };
        cancelled.cancel();
        REQUIRE(outer.err() == 0);
    }
    REQUIRE(moved.err() == ECANCELED);
    REQUIRE(ctx_counted(CTXTRACE_COUNT_ABANDONED) == 0);
    REQUIRE(ctx_counted(CTXTRACE_COUNT_RELEASED) == 0);
    return failures != 0;
}
