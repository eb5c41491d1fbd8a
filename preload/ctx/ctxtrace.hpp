/* SPDX-License-Identifier: MIT */
/*
 * ctxtrace.hpp: ctxtrace.h for C++11, as owners. Nothing more than that: every function of
 * ctxtrace.h takes these where it takes a context (get()).
 *
 *     ctx::owned request(ctx_with_timeout(server.get(), CTX_SECOND, 0, nullptr));
 *     ctx::scope active(request);
 *
 *     ctx::context   one of a context's owners: a copy is one more, the destructor releases.
 *     ctx::owned     the one who ends it: cancelled and released by the destructor.
 *     ctx::scope     active on this thread until the end of the block.
 *
 *     CTX_DEFER { close_all(); };              at the end of the block, by exceptions, too
 *     CTX_DEFER_AS(undo) { roll_back(); };     undo.cancel(), or undo.run(): now, and not again
 *
 * What is deferred captures by reference, and must not throw. It is known to reports as what
 * ctx_defer registers is (ctxtrace_defer.h).
 */
#ifndef CTXTRACE_HPP
#define CTXTRACE_HPP

#include <new>
#include <utility>

#include "ctxtrace.h"

namespace ctx
{

class context
{
  public:
    context() noexcept = default; /* the background */
    /* Takes the ownership over; NULL, which is what without memory was made: bad_alloc. */
    explicit context(ctxtrace_t *made) : kept(made)
    {
        if (!kept)
            throw std::bad_alloc();
    }
    context(const context &other) noexcept : kept(ctxtrace_ref(other.kept)) {}
    context(context &&other) noexcept { std::swap(kept, other.kept); }
    context &operator=(context other) noexcept
    {
        std::swap(kept, other.kept);
        return *this;
    }
    ~context() { ctxtrace_release(kept); }

    ctxtrace_t *get() const noexcept { return kept; }
    int err() const noexcept { return ctxtrace_err(kept); }
    void cancel() const noexcept { ctxtrace_cancel(kept); }

  private:
    ctxtrace_t *kept = ctxtrace_background();
};

class owned
{
  public:
    explicit owned(ctxtrace_t *made) : kept(made) {}
    owned(owned &&) noexcept = default;
    owned &operator=(owned &&other) noexcept
    {
        std::swap(kept, other.kept);
        return *this;
    }
    owned(const owned &) = delete;
    owned &operator=(const owned &) = delete;
    ~owned()
    {
        if (kept.get() != ctxtrace_background()) /* moved from */
            kept.cancel();
    }

    ctxtrace_t *get() const noexcept { return kept.get(); }
    int err() const noexcept { return kept.err(); }
    void cancel() const noexcept { kept.cancel(); }
    context share() const noexcept { return kept; }

  private:
    context kept;
};

class scope
{
  public:
    explicit scope(const context &active) noexcept : token(ctxtrace_push(active.get())) {}
    explicit scope(const owned &active) noexcept : token(ctxtrace_push(active.get())) {}
    explicit scope(ctxtrace_t *active) noexcept : token(ctxtrace_push(active)) {}
    scope(const scope &) = delete;
    scope &operator=(const scope &) = delete;
    ~scope() { ctxtrace_pop(&token); }

  private:
    ctxtrace_token_t token;
};

/* What CTX_DEFER makes. */
template <class F> class deferred
{
  public:
    deferred(const struct ctxtrace_site *made_at, void *in_frame, void *called_by,
             F function) noexcept
        : call(std::move(function)), site(made_at), frame(in_frame), caller(called_by)
    {
        enter(run_call);
    }
    /* Only where the compiler does not make it in place. */
    deferred(deferred &&other) noexcept
        : call(std::move(other.call)), site(other.site), frame(other.frame), caller(other.caller)
    {
        enter(other.record.fn);
        other.cancel();
    }
    deferred(const deferred &) = delete;
    deferred &operator=(const deferred &) = delete;
    ~deferred() { run(); }

    void run() noexcept { ctxtrace_defer_end(&record); }
    void cancel() noexcept { ctxtrace_defer_drop(&record); }

  private:
    void enter(void (*fn)(void *)) noexcept
    {
        (void)!ctxtrace_defer_at(&record, site, frame, caller, fn, this);
    }
    static void run_call(void *self) noexcept { static_cast<deferred *>(self)->call(); }

    F call;
    const struct ctxtrace_site *site;
    void *frame, *caller;
    ctxtrace_deferred_t record;
};

struct deferring {
    const struct ctxtrace_site *site;
    void *frame, *caller;
    template <class F> deferred<F> operator+(F call) const noexcept
    {
        return deferred<F>(site, frame, caller, std::move(call));
    }
};

} /* namespace ctx */

#define CTXTRACE_DEFER_LAMBDA(handle)                                                              \
    auto handle __attribute__((__unused__)) = ::ctx::deferring{CTXTRACE_SITE, CTXTRACE_CALL} + [&]()
#ifndef CTXTRACE_NO_SHORT_NAMES
#define CTX_DEFER    CTXTRACE_DEFER_LAMBDA(CTXTRACE_JOIN(ctx_deferred_, __LINE__))
#define CTX_DEFER_AS CTXTRACE_DEFER_LAMBDA
#endif

#endif
