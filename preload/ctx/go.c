/* SPDX-License-Identifier: MIT */
/*
 * ctx_go: a thread that is at work in a context, and counted by a WaitGroup. What it owns lies
 * in one block, with a copy of the argument where there is one.
 *
 * However the function is left, the thread's end is told once: after its return, from a cleanup
 * handler when it is unwound, or by what watches over ends of threads (thread.c), where the
 * program's frames cannot be unwound and no handler of ours is reached.
 */
#include "preload/ctx/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct go {
    struct errand errand; /* without its name, which is the caller's */
    ctxtrace_t *context;  /* owned; a handle, since the tracker looks who has one */
    struct delays *delays;
    uint64_t begun_ns;
    uint32_t task; /* the tracker's number */
    ctxtrace_token_t token;
    _Alignas(max_align_t) char copy[];
};

static __thread struct go *own STATIC_TLS; /* what the thread is at work on */

/* ---- on the thread ---- */

/* The group comes last: who waits for it may end the process. */
void libctx_go_end(void)
{
    struct go *go = own;
    if (!go)
        return;
    struct errand errand = go->errand;
    ctxtrace_t *context = go->context;
    uint32_t task = go->task;
    own = NULL;
    libctx_pop_left(&go->token);
    libctx_tell_task_entered(task); /* nothing else until it is gone, a little after its work */
    libctx_tell_task_ended(task);
    free(go);
    ctxtrace_release(context);
    if (errand.over)
        errand.over(errand.group);
    else if (errand.group)
        libctx_wg_add(errand.group, -1, NULL);
}

static void end(void *unused)
{
    (void)unused;
    libctx_go_end();
}

static void *go_main(void *arg)
{
    struct go *go = own = arg;
    go->token = ctxtrace_push(go->context);
    libctx_enter_task(&go->token, go->task);
    libctx_delay_end(go->delays, true, go->begun_ns);
    pthread_cleanup_push(end, NULL);
    go->errand.fn(go->errand.arg);
    pthread_cleanup_pop(1);
    return NULL;
}

/* ---- on the caller's ---- */

static int make_thread(struct go *go)
{
    pthread_attr_t attributes;
    pthread_t thread;
    libctx_stay_loaded();
    int failed = pthread_attr_init(&attributes);
    if (failed)
        return failed;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    /* What it is for holds it, not who happened to start it. */
    uint32_t before = libctx_tell_charged(libctx_look(go->context));
    failed = pthread_create(&thread, &attributes, go_main, go);
    libctx_tell_charged_before(before);
    pthread_attr_destroy(&attributes);
    return failed;
}

static struct go *go_new(const struct errand *errand, struct context *context)
{
    libctx_fork_watch();
    libctx_tell_own_begin();
    struct go *go =
        errand->copied < SIZE_MAX - sizeof *go ? malloc(sizeof *go + errand->copied) : NULL;
    libctx_tell_own_end();
    if (!go)
        return NULL;
    *go = (struct go){
        .errand = *errand,
        .context = libctx_handle(context),
        .begun_ns = libctx_now(),
    };
    go->errand.name = NULL;
    if (errand->copied) {
        memcpy(go->copy, errand->arg, errand->copied);
        go->errand.arg = go->copy;
    }
    libctx_ref(context);
    return go;
}

int libctx_go(const struct errand *errand, ctxtrace_t *handle, const void *site_pc)
{
    struct context *context = libctx_look(handle);
    int failed = errand->fn ? libctx_look_at_end(context) : EINVAL;
    struct go *go = failed ? NULL : go_new(errand, context);
    if (!go)
        return failed ? failed : ENOMEM;
    go->delays = libctx_delays_of(errand->name);
    go->task = libctx_tell_task(context, errand->name, errand->group, site_pc);
    libctx_delay_begin(go->delays, true);
    if (errand->group)
        libctx_wg_add(errand->group, 1, site_pc);
    failed = make_thread(go);
    if (!failed)
        return 0;
    if (errand->group)
        libctx_wg_add(errand->group, -1, site_pc);
    libctx_delay_drop(go->delays, true);
    libctx_tell_task_ended(go->task);
    free(go);
    libctx_unref(context);
    return failed;
}

static int go_or_errno(const struct errand *errand, ctxtrace_t *handle, const void *site_pc)
{
    int before = errno, failed = libctx_go(errand, handle, site_pc);
    errno = failed ? failed : before;
    return failed ? -1 : 0;
}

int ctxtrace_go_at(const struct ctxtrace_site *site, ctxtrace_t *handle,
                   struct ctxtrace_waitgroup *group, const char *name, void (*fn)(void *arg),
                   void *arg)
{
    struct errand errand = {
        .name = name ? name : site->function,
        .fn = fn,
        .arg = arg,
        .group = group,
    };
    return go_or_errno(&errand, handle, __builtin_return_address(0));
}

int ctxtrace_go_copy_at(const struct ctxtrace_site *site, ctxtrace_t *handle,
                        struct ctxtrace_waitgroup *group, const char *name, void (*fn)(void *arg),
                        const void *arg, size_t size)
{
    struct errand errand = {
        .name = name ? name : site->function,
        .fn = fn,
        .arg = (void *)arg,
        .copied = arg ? size : 0,
        .group = group,
    };
    return go_or_errno(&errand, handle, __builtin_return_address(0));
}
