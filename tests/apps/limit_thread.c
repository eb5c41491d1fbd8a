/* SPDX-License-Identifier: MIT */
/* Starts threads until there is no room for one more stack, and joins them all. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>

enum { THREADS = 64 };

static const size_t LIMIT = (size_t)1 << 30, STACK = (size_t)64 << 20;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *wait_at_gate(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return NULL;
}

__attribute__((noinline)) static int start_one(pthread_t *thread, const pthread_attr_t *attributes)
{
    int error = pthread_create(thread, attributes, wait_at_gate, NULL);

    return error;
}

int main(void)
{
    struct rlimit limit = {LIMIT, LIMIT};
    pthread_attr_t attributes;
    pthread_t threads[THREADS];
    int started = 0, error = 0;
#ifdef FIXED
    const int wanted = 4;
#else
    const int wanted = THREADS;
#endif

    if (setrlimit(RLIMIT_AS, &limit) || pthread_attr_init(&attributes) ||
        pthread_attr_setstacksize(&attributes, STACK))
        return 1;
    pthread_mutex_lock(&gate);
    while (started < wanted && !(error = start_one(&threads[started], &attributes)))
        started++;
    pthread_mutex_unlock(&gate);
    puts(error == EAGAIN ? "no room for a thread" : "enough");
    while (started > 0)
        pthread_join(threads[--started], NULL);
    pthread_attr_destroy(&attributes);
    return 0;
}
