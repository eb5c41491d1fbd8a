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
