/* SPDX-License-Identifier: MIT */
/*
 * Known leaks for sampling.py: each of `leaks` by its own function, as often as the
 * table says, and as many blocks again that are given back. With "truth" the numbers
 * are printed instead.
 *
 *     hazards_sampling truth|leak|threads|fork
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 150, CHILDREN = 10 };

static void *volatile kept; /* so that no block is optimized away */

#define LEAKS(X)                                                                                   \
    X(empty, 60000, 0, malloc(0))                                                                  \
    X(tiny, 40000, 24, malloc(24))                                                                 \
    X(small, 8000, 200, malloc(200))                                                               \
    X(zeroed, 1500, 3000, calloc(30, 100))                                                         \
    X(aligned, 1000, 4096, aligned_alloc(256, 4096))                                               \
    X(grown, 600, 6000, realloc(malloc(16), 6000))                                                 \
    X(shrunk, 3000, 700, realloc(malloc(9000), 700))                                               \
    X(nearly, 40, 32767, malloc(32767))                                                            \
    X(at_mean, 9, 32768, malloc(32768))                                                            \
    X(large, 5, 300000, malloc(300000))                                                            \
    X(regrown, 6, 50000, realloc(malloc(16), 50000))                                               \
    X(in_threads, THREADS, 20000, malloc(20000))                                                   \
    X(in_parent, 3000, 300, malloc(300))                                                           \
    X(in_child, CHILDREN, 20000, malloc(20000))

#define X(name, count, bytes, call)                                                                \
    static __attribute__((noinline)) void leak_##name(int times)                                   \
    {                                                                                              \
        for (int i = 0; i < times; i++)                                                            \
            kept = call;                                                                           \
    }                                                                                              \
    static __attribute__((noinline)) void churn_##name(int times)                                  \
    {                                                                                              \
        for (int i = 0; i < times; i++)                                                            \
            free(kept = call);                                                                     \
    }
LEAKS(X)
#undef X

static const struct {
    const char *name;
    int count, bytes;
    void (*leak)(int times), (*churn)(int times);
} leaks[] = {
#define X(name, count, bytes, call) {#name, count, bytes, leak_##name, churn_##name},
    LEAKS(X)
#undef X
};

static void *leak_one(void *unused)
{
    leak_in_threads(1);
    return unused;
}

/* The first block of each: the first draw of a thread must be as good as any. */
static void leak_by_threads(void)
{
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, leak_one, NULL))
            abort();
        pthread_join(thread, NULL);
    }
}

static int leak_by_fork(void)
{
    int failed = 0;

    for (int i = 0; i < CHILDREN; i++) {
        int status = 1;
        pid_t child;

        leak_in_parent(300);
        child = fork();
        if (child == 0) {
            leak_in_child(1);
            exit(0);
        }
        failed |= child < 0 || waitpid(child, &status, 0) != child || status;
    }
    return failed;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (!strcmp(what, "threads"))
        leak_by_threads();
    else if (!strcmp(what, "fork"))
        return leak_by_fork();
    else if (strcmp(what, "leak") && strcmp(what, "truth"))
        return 64;
    for (size_t i = 0; i < sizeof(leaks) / sizeof(leaks[0]); i++) {
        if (!strcmp(what, "truth"))
            printf("%s %d %d\n", leaks[i].name, leaks[i].count, leaks[i].bytes);
        else if (!strcmp(what, "leak") && strncmp(leaks[i].name, "in_", 3)) {
            leaks[i].leak(leaks[i].count / 2);
            leaks[i].churn(leaks[i].count);
            leaks[i].leak(leaks[i].count - leaks[i].count / 2);
        }
    }
    return 0;
}
