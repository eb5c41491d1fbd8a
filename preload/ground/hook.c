/* SPDX-License-Identifier: MIT */
#include "preload/ground/hook.h"

#include <dlfcn.h>
#include <gnu/libc-version.h>

#include "preload/ground/health.h"
#include "preload/ground/sys.h"

/* Set while this thread is inside dlsym: a failed look-up allocates its error
 * text through our own malloc (hazards.md A2). */
static _Thread_local int resolving __attribute__((tls_model("initial-exec")));

static _Atomic int resolved;

/* Of what libc is too old to have nothing is looked up: a look-up that fails allocates
 * its error text by whatever malloc comes next, and another preloaded allocator may be
 * looking up its own at this moment. */
static bool libc_may_have(const char *version)
{
    const char *had = gnu_get_libc_version(), *wanted = version + sizeof "GLIBC_" - 1;
    uint64_t major = text_read_u64(&had), wanted_major = text_read_u64(&wanted);
    if (major != wanted_major || *had++ != '.' || *wanted++ != '.')
        return major > wanted_major;
    return text_read_u64(&had) >= text_read_u64(&wanted);
}

static void *look_up(const struct hook *hook)
{
    return hook->version ? dlvsym(RTLD_NEXT, hook->name, hook->version)
                         : dlsym(RTLD_NEXT, hook->name);
}

static uint64_t resolve_some(bool allocators)
{
    uint64_t missing = 0;
    for (struct hook *hook = hooks_begin; hook < hooks_end; hook++) {
        if (hook->is_allocator != allocators ||
            atomic_load_explicit(&hook->real, memory_order_relaxed))
            continue;
        if (hook->version && !libc_may_have(hook->version))
            continue;
        void *real = look_up(hook);
        if (!real) {
            missing++;
            dlerror(); /* the program must not find our failure there */
            continue;
        }
        atomic_store_explicit(&hook->real, real, memory_order_release);
    }
    return missing;
}

static void resolve_all(void)
{
    uint64_t missing = resolve_some(false) + resolve_some(true);
    if (!atomic_exchange(&resolved, 1))
        health_add(HEALTH_hooks_missing, missing);
}

void *hook_resolve(struct hook *hook)
{
    if (resolving)
        return NULL;
    if (!atomic_load(&resolved)) {
        clock_begin(); /* whatever is recorded comes after it */
        resolving = 1;
        resolve_all();
        resolving = 0;
        int cold = TRACKER_COLD;
        atomic_compare_exchange_strong(&tracker_state, &cold, TRACKER_EARLY);
    }
    return atomic_load_explicit(&hook->real, memory_order_acquire);
}

void *hook_real_alone(struct hook *hook)
{
    void *real = atomic_load_explicit(&hook->real, memory_order_acquire);
    if (real || resolving)
        return real;
    resolving = 1;
    real = look_up(hook);
    resolving = 0;
    atomic_store_explicit(&hook->real, real, memory_order_release);
    return real;
}
