/* SPDX-License-Identifier: MIT */
/* Every macro of ctxtrace.h once, for compilers of several standards (test_headers.py). */
#include <ctxtrace.h>

static const ctx_key_t key = {"key", 0, 0, CTX_REPORT};

static void nothing(void *arg)
{
    (void)arg;
}

struct queue;
void leave_queue(struct queue *queue);
CTX_DEFER_DEFINE(leave, struct queue *, if (it) leave_queue(it));

static void clean_up(pthread_mutex_t *mutex, struct queue *queue, int fd, FILE *stream)
{
    const char *text = 0;
    char *block = 0;
    void *mapping = 0;
    struct ctxtrace_pending row;
    ctx_defer(nothing, &fd);
    ctx_defer_as(named, nothing, 0);
    ctx_defer_of(leave, queue);
    ctx_defer_of_as(left, leave, queue);
    CTX_CLOSE_FD(fd);
    CTX_FCLOSE(stream);
    CTX_FREE(block);
    CTX_FREE(text);
    CTX_MUNMAP(mapping, fd + 1);
    CTX_UNLOCK(mutex);
    ctx_defer_run(named);
    ctx_defer_cancel(left);
    if (ctx_defer_pending(0, &row) < 0)
        ctx_fail(1, "nothing");
}

int sample_try(int n);
int sample_try(int n)
{
#ifndef __cplusplus
    volatile int tries = n;
    for (volatile int i = 0; i < n; i++) {
        CTX_TRY
        {
            CTX_TRY
            {
                clean_up(0, 0, i, 0);
                tries++;
            }
            CTX_RECOVER(code, cause)
            {
                ctx_fail(code, "%s", cause);
            }
            if (n > 9)
                return n;
        }
        CTX_RECOVER(code, cause)
        {
            tries--;
        }
    }
    return tries;
#else
    clean_up(0, 0, n, 0);
    return n;
#endif
}

static int no_error(void *arg)
{
    (void)arg;
    return 0;
}

static ctx_waitgroup_t everything = CTX_WG_INIT;

int sample_tasks(ctx_t *parent);
int sample_tasks(ctx_t *parent)
{
    ctx_waitgroup_t group = CTX_WG_INIT;
    ctx_task_delay_t delay;
    ctx_task_t *task = ctx_task_begin(parent, "task");
    ctx_task_token_t token = ctx_task_enter(task);
    ctx_group_t *errors = ctx_eg_new(parent);
    int failed = ctx_go(parent, &group, "worker", nothing, 0) ||
                 ctx_go_copy(parent, &everything, 0, nothing, &token, sizeof token);
    ctx_task_blocked(task, "reply", &group), ctx_task_blocked(0, 0, 0);
    ctx_task_leave(&token);
    ctx_task_end(task);
    failed |= ctx_eg_limit(errors, 3) || ctx_eg_go(errors, "one", no_error, 0) ||
              ctx_eg_try_go(errors, 0, no_error, 0) || ctx_eg_wait(errors);
    ctx_eg_free(errors);
    ctx_wg_add(&group, 1), ctx_wg_done(&group);
    failed |= ctx_wg_wait(&group, parent);
    ctx_wg_destroy(&group);
    ctx_abort_on_misuse(1);
    return failed || ctx_wg_count(&group) || ctx_task_delays(0, &delay);
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
