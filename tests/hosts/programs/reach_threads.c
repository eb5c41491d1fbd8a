/* SPDX-License-Identifier: MIT */
/*
 * Threads that alone know a block while the process ends: reach_threads HOW.
 * Each has one of 400 bytes that it will use again. Says how many those are.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BYTES      400
#define LOST_BYTES 432
#define SPINNERS   3

static atomic_int ready;
static int pipe_ends[2];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static sem_t semaphore;

static void deaf(void)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
}

static void by_sigwait(void)
{
    sigset_t all;
    int got;
    deaf();
    sigfillset(&all);
    sigwait(&all, &got);
    printf("got signal %d\n", got);
}

static void by_poll(void)
{
    if (poll(NULL, 0, -1) < 0)
        printf("poll: %s\n", strerror(errno));
}

static void by_sleep(void)
{
    struct timespec time = {1000, 0};
    if (nanosleep(&time, NULL) < 0)
        printf("nanosleep: %s\n", strerror(errno));
}

static void by_condition(void)
{
    pthread_mutex_lock(&mutex);
    pthread_cond_wait(&condition, &mutex);
}

static void by_read(void)
{
    char byte;
    if (read(pipe_ends[0], &byte, 1) < 0)
        printf("read: %s\n", strerror(errno));
}

static void by_semaphore(void)
{
    if (sem_wait(&semaphore) < 0)
        printf("sem_wait: %s\n", strerror(errno));
}

static void (*const waits[])(void) = {by_sigwait,   by_poll, by_sleep,
                                      by_condition, by_read, by_semaphore};
#define WAITS ((int)(sizeof waits / sizeof *waits))

static void *wait_with_block(void *how)
{
    char *block = malloc(BYTES);
    atomic_fetch_add(&ready, 1);
    (*(void (*const *)(void))how)();
    return block;
}

/* The address is in a register all the time, and nowhere else. */
static void *spin_with_block(void *is_deaf)
{
    if (is_deaf)
        deaf();
    uintptr_t block = (uintptr_t)malloc(BYTES);
    atomic_fetch_add(&ready, 1);
    for (;;)
        __asm__ volatile("" : "+r"(block));
    return (void *)block;
}

/* Moves its block from one place to another for ever. */
static void *move_block(void *unused)
{
    static char *volatile places[64];
    char *block = malloc(BYTES);
    memset(block, 1, BYTES);
    (void)unused;
    places[0] = block;
    block = NULL;
    atomic_fetch_add(&ready, 1);
    for (unsigned from = 0;; from = (from + 37) % 64) {
        char *moved = places[from];
        places[from] = NULL;
        places[(from + 37) % 64] = moved;
    }
    return NULL;
}

/* The only pointer to a block is in a table that grows and shrinks all the time. */
static void *grow_table(void *unused)
{
    static char **volatile table;
    (void)unused;
    table = calloc(64, sizeof *table);
    table[40] = malloc(BYTES);
    memset(table[40], 1, BYTES);
    atomic_fetch_add(&ready, 1);
    for (size_t count = 64;; count = count * 5 % 49999 + 64) {
        char **larger = realloc(table, count * sizeof *table);
        if (larger)
            table = larger;
    }
    return NULL;
}

/* Builds lists and gives them back, all the time; nobody else knows them. */
struct link {
    struct link *next;
    char rest[BYTES - sizeof(struct link *)];
};

static void *churn(void *unused)
{
    (void)unused;
    atomic_fetch_add(&ready, 1);
    for (;;) {
        struct link *list = NULL;
        for (int i = 0; i < 100; i++) {
            struct link *link = malloc(sizeof *link);
            link->next = list;
            list = link;
        }
        while (list) {
            struct link *link = list;
            list = link->next;
            free(link);
        }
    }
    return NULL;
}

static void *lock_often(void *unused)
{
    (void)unused;
    atomic_fetch_add(&ready, 1);
    for (;;) {
        flockfile(stdout);
        for (volatile int i = 0; i < 1000; i++)
            ;
        funlockfile(stdout);
    }
    return NULL;
}

static int start(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    return pthread_create(&thread, NULL, body, argument) == 0;
}

__attribute__((noinline)) static void lose(void)
{
    char *volatile lost = calloc(1, LOST_BYTES);
    (void)lost;
}

static int start_all(const char *how)
{
    int count = 0;
    if (strcmp(how, "waiting") == 0)
        for (int i = 0; i < WAITS; i++)
            count += start(wait_with_block, (void *)&waits[i]);
    else if (strcmp(how, "spinning") == 0 || strcmp(how, "deaf") == 0)
        for (int i = 0; i < SPINNERS; i++)
            count += start(spin_with_block, *how == 'd' ? &count : NULL);
    else if (strcmp(how, "moving") == 0)
        count += start(move_block, NULL);
    else if (strcmp(how, "growing") == 0)
        count += start(grow_table, NULL);
    else if (strcmp(how, "churning") == 0 || strcmp(how, "killed") == 0)
        for (int i = 0; i < SPINNERS; i++)
            count += start(churn, NULL);
    else if (strcmp(how, "locking") == 0)
        count += start(lock_often, NULL);
    return count;
}

int main(int argc, char **argv)
{
    if (argc != 2 || pipe(pipe_ends) < 0 || sem_init(&semaphore, 0, 0) < 0)
        return 1;
    int count = start_all(argv[1]);
    if (strcmp(argv[1], "deaf") == 0)
        lose();
    while (atomic_load(&ready) < count)
        usleep(1000);
    usleep(50000); /* those that wait have gone to sleep */
    printf("%d\n", strcmp(argv[1], "locking") == 0 ? 0 : count);
    fflush(stdout);
    if (strcmp(argv[1], "killed") == 0)
        kill(getpid(), SIGTERM);
    if (strcmp(argv[1], "moving") == 0 || strcmp(argv[1], "growing") == 0)
        while (getchar() != EOF) /* snapshots are asked for meanwhile */
            ;
    return 0;
}
