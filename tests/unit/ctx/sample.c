/* SPDX-License-Identifier: MIT */
/* Every macro of ctxtrace.h once, for compilers of several standards (test_headers.py). */
#include <ctxtrace.h>

static const ctx_key_t key = {"key", 0, 0, CTX_REPORT};

static void nothing(void *arg)
{
    (void)arg;
}

int sample(ctx_t *parent);
int sample(ctx_t *parent)
{
    char text[64];
    CTX_OWNED ctx_t *a = ctx_with_cancel(parent);
    CTX_OWNED ctx_t *b = ctx_with_timeout(a, 2 * CTX_SECOND, 0, "slow");
    CTX_OWNED ctx_t *c = ctx_with_deadline(b, 1, 0, 0);
    CTX_OWNED ctx_t *d = ctx_with_value(c, &key, text);
    CTX_OWNED ctx_t *e = ctx_with_name(d, "name");
    CTX_OWNED ctx_t *f = ctx_with_trace(e, "");
    CTX_OWNED ctx_t *g = ctx_with_trace_id(f, "req-1", 0);
    CTX_OWNED ctx_t *h = ctx_without_cancel(g);
    CTX_OWNED ctx_t *i = ctx_from_env();
    ctx_after_t *handle = ctx_after_func(i, nothing, 0);
    CTX_ATTACH(h);
    CTX_SCOPE(a)
    {
        CTX_SCOPE(b)
        {
            ctx_cancel_cause(a, 1, "%s", "why");
            if (ctx_err(a))
                return ctx_stop(handle);
        }
    }
    return ctx_wait(h, CTX_FOREVER);
}
