/* SPDX-License-Identifier: MIT */
/*
 * A fork takes all locks of libctx, in their order, so that the child finds the tree whole, and
 * lets no signal handler in before the child's descriptors are its own.
 */
#include "preload/ctx/internal.h"

#include <signal.h>

static sigset_t mask_before; /* under all of the locks */

static void unlock_all(void)
{
    libctx_pool_unlock();
    libctx_elsewhere_unlock();
    libctx_fd_unlock();
    libctx_helper_unlock();
    for (unsigned i = STRIPES; i-- > 0;)
        pthread_mutex_unlock(&libctx_stripes[i]);
    libctx_walks_go_on();
}

static void before_fork(void)
{
    sigset_t all, before;
    libctx_walks_stop();
    for (unsigned i = 0; i < STRIPES; i++)
        pthread_mutex_lock(&libctx_stripes[i]);
    libctx_helper_lock();
    libctx_fd_lock();
    libctx_elsewhere_lock();
    libctx_pool_lock();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    mask_before = before;
}

static void in_parent(void)
{
    sigset_t before = mask_before;
    unlock_all();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void in_child(void)
{
    sigset_t before = mask_before;
    libctx_fd_forked();
    libctx_helper_forked();
    libctx_walks_forked();
    libctx_delays_forked();
    unlock_all();
    libctx_after_forked();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void watch(void)
{
    pthread_atfork(before_fork, in_parent, in_child);
}

/* No constructor: of an archive only those files are linked that somebody calls. */
void libctx_fork_watch(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch);
}
