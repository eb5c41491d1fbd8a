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
 *     ctx::task      ended by the destructor; ctx::at_work: this thread is, until the end of
 *                    the block.
 *     ctx::waitgroup destroyed by the destructor, which does not wait.
 *     ctx::group     its destructor ends the context, and waits: functions may refer to what
 *                    outlives the group.
 *
 *     CTX_DEFER { close_all(); };              at the end of the block, by exceptions, too
 *     CTX_DEFER_AS(undo) { roll_back(); };     undo.cancel(), or undo.run(): now, and not again
 *
 * What is deferred captures by reference, and must not throw. It is known to reports as what
 * ctx_defer registers is (ctxtrace_defer.h).
 *
 *     ctx::waitgroup workers;
 *     int failed = workers.go(request.get(), "worker", [&] { work(); });
 *     failed = workers.wait(request.get());
 *
 * What returns an int returns 0 or the error's code. An exception that leaves a function which
 * was given to a thread ends the process.
 */
#ifndef CTXTRACE_HPP
#define CTXTRACE_HPP

#include <cerrno>
#include <memory>
#include <new>
#include <type_traits>
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

/* ---- tasks ---- */

class task
{
  public:
    explicit task(ctxtrace_task_t *begun) : kept(begun)
    {
        if (!kept)
            throw std::bad_alloc();
    }
    task(task &&other) noexcept { std::swap(kept, other.kept); }
    task &operator=(task &&other) noexcept
    {
        std::swap(kept, other.kept);
        return *this;
    }
    task(const task &) = delete;
    task &operator=(const task &) = delete;
    ~task() { ctxtrace_task_end(kept); }

    ctxtrace_task_t *get() const noexcept { return kept; }
    void blocked(const char *why, const void *object = nullptr) const noexcept
    {
        ctxtrace_task_blocked(kept, why, object);
    }

  private:
    ctxtrace_task_t *kept = nullptr;
};

class at_work
{
  public:
    explicit at_work(const task &entered) noexcept : token(ctxtrace_task_enter(entered.get())) {}
    explicit at_work(ctxtrace_task_t *entered) noexcept : token(ctxtrace_task_enter(entered)) {}
    at_work(const at_work &) = delete;
    at_work &operator=(const at_work &) = delete;
    ~at_work() { ctxtrace_task_leave(&token); }

  private:
    ctxtrace_task_token_t token;
};

namespace detail
{

/* What a thread is given: the function, which it owns. */
template <typename Function> struct call {
    static void run(void *arg)
    {
        std::unique_ptr<Function> owned(static_cast<Function *>(arg));
        (*owned)();
    }
    static int ask(void *arg)
    {
        std::unique_ptr<Function> owned(static_cast<Function *>(arg));
        return (*owned)();
    }
};

} /* namespace detail */

class waitgroup
{
  public:
    waitgroup() noexcept = default;
    waitgroup(const waitgroup &) = delete;
    waitgroup &operator=(const waitgroup &) = delete;
    ~waitgroup() { ctxtrace_wg_destroy(&kept); }

    ctxtrace_waitgroup_t *get() noexcept { return &kept; }
    void add(int count = 1) noexcept { ctxtrace_wg_add(&kept, count); }
    void done() noexcept { ctxtrace_wg_done(&kept); }
    int count() const noexcept { return ctxtrace_wg_count(&kept); }
    CTXTRACE_MUST_USE int wait(ctxtrace_t *context = ctxtrace_background()) noexcept
    {
        return ctxtrace_wg_wait(&kept, context) == 0 ? 0 : errno;
    }
    template <typename Function>
    CTXTRACE_MUST_USE int go(ctxtrace_t *context, const char *name, Function &&function)
    {
        typedef typename std::decay<Function>::type kind;
        std::unique_ptr<kind> copy(new kind(std::forward<Function>(function)));
        int failed = ctxtrace_go(context, &kept, name, detail::call<kind>::run, copy.get());
        if (failed != 0)
            return errno;
        copy.release();
        return 0;
    }

  private:
    ctxtrace_waitgroup_t kept = CTXTRACE_WG_INIT;
};

class group
{
  public:
    explicit group(ctxtrace_group_t *made) : kept(made)
    {
        if (!kept)
            throw std::bad_alloc();
    }
    group(const group &) = delete;
    group &operator=(const group &) = delete;
    ~group()
    {
        ctxtrace_cancel(context());
        int unheeded = ctxtrace_eg_wait(kept);
        (void)unheeded;
        ctxtrace_eg_free(kept);
    }

    ctxtrace_group_t *get() const noexcept { return kept; }
    ctxtrace_t *context() const noexcept { return ctxtrace_eg_context(kept); }
    CTXTRACE_MUST_USE int limit(int count) const noexcept
    {
        return ctxtrace_eg_limit(kept, count) == 0 ? 0 : errno;
    }
    /* The first error. */
    CTXTRACE_MUST_USE int wait() const noexcept { return ctxtrace_eg_wait(kept); }
    template <typename Function>
    CTXTRACE_MUST_USE int go(const char *name, Function &&function) const
    {
        return go_by(ctxtrace_eg_go_at, CTXTRACE_SITE, name, std::forward<Function>(function));
    }
    template <typename Function>
    CTXTRACE_MUST_USE int try_go(const char *name, Function &&function) const
    {
        return go_by(ctxtrace_eg_try_go_at, CTXTRACE_SITE, name, std::forward<Function>(function));
    }

  private:
    ctxtrace_group_t *kept;

    template <typename Way, typename Function>
    int go_by(Way way, const struct ctxtrace_site *site, const char *name,
              Function &&function) const
    {
        typedef typename std::decay<Function>::type kind;
        std::unique_ptr<kind> copy(new kind(std::forward<Function>(function)));
        if (way(site, kept, name, detail::call<kind>::ask, copy.get()) != 0)
            return errno;
        copy.release();
        return 0;
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
