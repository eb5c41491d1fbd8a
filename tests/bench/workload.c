/* SPDX-License-Identifier: MIT */
/*
 * The micro workloads of scripts/bench: `workload NAME DEPTH COUNT` does one
 * thing COUNT times, DEPTH frames below main, and prints the nanoseconds that
 * one took. The same binary runs natively and under every tool.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static volatile int sink;

static void malloc_pair(long count)
{
    for (long i = 0; i < count; i++) {
        char *volatile p = malloc(64);
        p[0] = 1;
        free(p);
    }
}

static void open_close(long count)
{
    for (long i = 0; i < count; i++)
        close(open("/dev/null", O_RDONLY));
}

static void socketpair_close(long count)
{
    for (long i = 0; i < count; i++) {
        int fds[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0) {
            close(fds[0]);
            close(fds[1]);
        }
    }
}

static void *nothing(void *arg)
{
    return arg;
}

static void thread_join(long count)
{
    for (long i = 0; i < count; i++) {
        pthread_t t;
        if (pthread_create(&t, NULL, nothing, NULL) == 0)
            pthread_join(t, NULL);
    }
}

static const struct {
    const char *name;
    void (*run)(long count);
} workloads[] = {
    {"malloc", malloc_pair},
    {"open", open_close},
    {"socketpair", socketpair_close},
    {"thread", thread_join},
};

/* Frames of an ordinary size that the compiler may not fold. */
static __attribute__((noinline)) void descend(int depth, void (*run)(long), long count)
{
    volatile char local[32];
    local[0] = (char)depth;
    if (depth > 0)
        descend(depth - 1, run, count);
    else
        run(count);
    sink += local[0];
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc == 1)
        return 0; /* the empty program */
    if (argc != 4) {
        fprintf(stderr, "usage: workload NAME DEPTH COUNT\n");
        return 64;
    }
    long count = atol(argv[3]);
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++) {
        if (strcmp(workloads[i].name, argv[1]) != 0)
            continue;
        /* main, descend(depth) .. descend(0), run, and the hook's caller. */
        int depth = atoi(argv[2]) - 3;
        descend(depth, workloads[i].run, count / 10 + 1);
        double start = now_ns();
        descend(depth, workloads[i].run, count);
        printf("%.2f\n", (now_ns() - start) / (double)count);
        return 0;
    }
    fprintf(stderr, "workload: no workload %s\n", argv[1]);
    return 64;
}
