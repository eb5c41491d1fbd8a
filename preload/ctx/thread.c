/* SPDX-License-Identifier: MIT */
/*
 * What is looked at when a thread ends: by a destructor of thread-specific data, since that runs
 * however it ends, also where no frame of the program is unwound. A process that exits runs none
 * for the threads that it has.
 *
 * It arms itself again in the first rounds of destructors, that what the program's own give
 * back is given back before; and acts in one before the last, which is the tracker's.
 */
#include "preload/ctx/internal.h"

#define ROUND_FIRST 1
#define ROUND_LAST  3 /* of PTHREAD_DESTRUCTOR_ITERATIONS, which are 4 */

static pthread_key_t key;
static _Atomic bool has_key;
static __thread bool was_looked_at STATIC_TLS;

static void thread_ends(void *value)
{
    uintptr_t round = (uintptr_t)value;
    if (round < ROUND_LAST && pthread_setspecific(key, (void *)(round + 1)) == 0)
        return;
    was_looked_at = true;
    libctx_go_end();
    libctx_registry_end();
    libctx_active_end();
}

static void make_key(void)
{
    libctx_tell_own_begin();
    atomic_store(&has_key, pthread_key_create(&key, thread_ends) == 0);
    libctx_tell_own_end();
}

/* In a destructor that comes later: as soon as there is another round. */
bool libctx_thread_watch(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    uintptr_t round = was_looked_at ? ROUND_LAST : ROUND_FIRST;
    pthread_once(&once, make_key);
    libctx_tell_own_begin();
    bool is_watched = atomic_load(&has_key) && pthread_setspecific(key, (void *)round) == 0;
    libctx_tell_own_end();
    return is_watched;
}

/* A plugin that libctx is part of is unloaded, the threads stay. */
__attribute__((destructor)) static void drop_key(void)
{
    if (atomic_exchange(&has_key, false))
        pthread_key_delete(key);
}
