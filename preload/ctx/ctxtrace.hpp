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

} /* namespace ctx */

#endif
