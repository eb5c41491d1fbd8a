/* SPDX-License-Identifier: MIT */
/*
 * Requests that are cancelled, and whose file is closed long after: late, but closed. One of
 * them has a deadline that nobody looks at; what a thread's own context acquired is never
 * late. Corrected, each is closed when its request ends.
 */
#include <ctxtrace.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { REQUESTS = 3, LATE_MS = 120 };

static int of_thread = -1;

static long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void work_for(long ms)
{
    const struct timespec step = {0, 1000000};
    long until = now_ms() + ms;

    while (now_ms() < until)
        nanosleep(&step, NULL);
}

__attribute__((noinline)) static int open_config(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static void *thread_main(void *unused)
{
    of_thread = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return unused;
}

static int serve(ctx_t *request)
{
    int config = -1;

    CTX_SCOPE(request)
    config = open_config();
#ifdef FIXED
    close(config);
    config = -1;
#endif
    return config;
}

int main(void)
{
    int configs[REQUESTS];
    pthread_t thread;

    if (pthread_create(&thread, NULL, thread_main, NULL))
        return 1;
    pthread_join(thread, NULL);
    for (int i = 0; i < REQUESTS; i++) {
        CTX_OWNED ctx_t *request =
            i ? ctx_with_cancel(NULL) : ctx_with_timeout(NULL, CTX_SECOND / 1000, 0, NULL);

        configs[i] = serve(request);
        if (i)
            ctx_cancel(request);
        work_for(LATE_MS);
        if (configs[i] >= 0)
            close(configs[i]);
    }
    close(of_thread);
    puts("served");
    return 0;
}
