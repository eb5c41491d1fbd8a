/* SPDX-License-Identifier: MIT */
/* A plugin that libctx.a is part of (test_unloaded.c, test_mixed.c). Each is 0 when all went well.
 */
#include <ctxtrace.h>

int plugin_without_threads(int *count);
int plugin_with_thread(int *count);
int plugin_with_helper(int *count);
int plugin_that_fails(int *count);

static void count_up(void *count)
{
    __atomic_add_fetch((int *)count, 1, __ATOMIC_RELAXED);
}

int plugin_without_threads(int *count)
{
    CTX_OWNED ctx_t *context = ctx_with_cancel(ctx_background());
    CTX_SCOPE(context)
    {
        ctx_defer(count_up, count);
    }
    return ctx_err(context);
}

int plugin_with_thread(int *count)
{
    ctx_waitgroup_t workers = CTX_WG_INIT;
    CTX_OWNED ctx_t *context = ctx_with_cancel(ctx_background());
    return ctx_go(context, &workers, "worker", count_up, count) ||
           ctx_wg_wait(&workers, ctx_background());
}

int plugin_with_helper(int *count)
{
    ctx_t *context = ctx_with_cancel(ctx_background());
    int failed = !ctx_after_func(context, count_up, count);
    ctx_cancel(context);
    while (!failed && !__atomic_load_n(count, __ATOMIC_RELAXED))
        failed = ctx_sleep(ctx_background(), 1000000) != 0;
    ctx_release(context);
    return failed;
}

int plugin_that_fails(int *count)
{
    volatile int recovered = 0;
    CTX_TRY
    {
        ctx_defer(count_up, count);
        ctx_fail(5, "as it is to");
    }
    CTX_RECOVER(code, cause)
    {
        recovered = code;
    }
    return recovered != 5;
}
