/* SPDX-License-Identifier: MIT */
/*
 * To be killed: `killed WAY`, which says "ready" when it holds what its name promises.
 *
 *   held    a known number of everything, and goes no further
 *   storm   the same, and four threads that get and give back as fast as they can
 *   forked  a child of a fork that acquires things of its own; says its pid
 *   exec    replaces itself by sleep; failexec: fails to, and holds on
 *   crowd   as many, by four threads at once
 *   many    so many blocks that the file's first mapping is too small
 *   locked  mlockall, and a limit of address space that it sets itself
 *   kid     a child of a fork that only allocates; says its pid
 *   undone  an exec without a tracker fails, and a fork's child says whether its memory is whole
 *   struck  forks in a signal handler that interrupts malloc: the children live
 *   rooted  a folder of its own for a root, and an end
 *   grow    memory, a gigabyte at the most
 */
#include <ctxtrace_annotate.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    FDS = 7,
    LIBRARIES = 20,
    BLOCKS = 300,
    BLOCK_BYTES = 1000,
    THREADS = 4,
    CHUNK = 1 << 20,
    GROWN_MOST = 1000
};

static char *volatile blocks[BLOCKS];
static FILE *volatile stream;
static void *volatile sink;

__attribute__((noinline)) void keep_fds(void)
{
    for (int i = 0; i < FDS; i++)
        if (open("/etc/passwd", O_RDONLY) < 0)
            abort();
}

__attribute__((noinline)) void keep_blocks(void)
{
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = malloc(BLOCK_BYTES);
}

/* A resource of a kind that only the program has a name for. */
__attribute__((noinline)) void keep_lease(void)
{
    ctxtrace_acquire("lease", &sink);
}

__attribute__((noinline)) void keep_others(void)
{
    keep_lease();
    stream = fopen("/etc/group", "r");
    for (int i = 0; i < LIBRARIES; i++)
        sink = dlopen("libm.so.6", RTLD_NOW);
    sink = mmap(NULL, 4 * CHUNK, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Leaves one of everything that it has got. */
static void *leave(void *unused)
{
    int fd = open("/etc/hosts", O_RDONLY);
    sink = malloc(4321);
    return fd < 0 ? unused : NULL;
}

static void keep(void)
{
    pthread_t thread;
    keep_fds();
    keep_blocks();
    keep_others();
    if (pthread_create(&thread, NULL, leave, NULL) || pthread_join(thread, NULL))
        abort();
    for (int i = 0; i < BLOCKS; i++)
        free(malloc((size_t)i * 10));
}

static void ready(void)
{
    printf("ready %d\n", (int)getpid());
    fflush(stdout);
}

__attribute__((noinline)) static void *churn_one(int fd)
{
    FILE *file = fdopen(fd, "r");
    void *block = malloc(100);
    void *area = mmap(NULL, CHUNK, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    block = realloc(block, 70000);
    munmap(area, CHUNK / 2);
    munmap((char *)area + CHUNK / 2, CHUNK / 2);
    fclose(file);
    return block;
}

static void *churn(void *unused)
{
    for (;;) {
        int fd = open("/etc/hosts", O_RDONLY), other = dup(fd);
        free(churn_one(fd));
        close(other);
        pthread_t thread;
        if (pthread_create(&thread, NULL, leave, NULL) == 0)
            pthread_detach(thread);
        usleep(50);
    }
    return unused;
}

enum { MANY = 400000 };

__attribute__((noinline)) void keep_many(void)
{
    for (int i = 0; i < MANY; i++)
        sink = malloc(10);
}

static void *keep_some(void *unused)
{
    for (int i = 0; i < MANY / THREADS; i++)
        if (!malloc(10))
            abort();
    return unused;
}

static void crowd(void)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, keep_some, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void lock(void)
{
    struct rlimit space = {1 << 30, 1 << 30};
    if (mlockall(MCL_CURRENT) || setrlimit(RLIMIT_AS, &space) || !malloc(300 << 20))
        abort();
    keep_many();
}

static void kid(void)
{
    usleep(20000);
    pid_t pid = fork();
    if (pid == 0) {
        struct timespec moment = {.tv_nsec = 10000000};
        for (int i = 0; i < 40; i++) {
            keep_blocks();
            nanosleep(&moment, NULL);
        }
        ready();
        pause();
    }
    waitpid(pid, NULL, 0);
}

static void undone(void)
{
    char *none[] = {NULL};
    keep_many();
    execve("/nowhere/at/all", none, none);
    size_t *area =
        mmap(NULL, 64 * CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct timespec moment = {.tv_nsec = 50000000};
        for (int i = 0; i < 6; i++) {
            keep_blocks();
            nanosleep(&moment, NULL);
        }
        keep_many();
        for (size_t i = 0; i < 64 * CHUNK / sizeof *area; i++)
            if (area[i])
                _exit(1);
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    printf("ready %d\n", status);
}

static volatile int is_child, forks;

static void fork_now(int number)
{
    (void)number;
    pid_t pid = fork();
    is_child = pid == 0;
    forks++;
}

static void struck(void)
{
    struct itimerval often = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
    int status, killed = 0;
    signal(SIGALRM, fork_now);
    setitimer(ITIMER_REAL, &often, NULL);
    while (forks < 300 && !is_child)
        free(malloc(16 + forks % 200));
    if (is_child)
        _exit(0);
    setitimer(ITIMER_REAL, &never, NULL);
    while (wait(&status) > 0)
        killed += WIFSIGNALED(status);
    printf("ready %d\n", killed);
}

static void forked(void)
{
    keep();
    usleep(20000); /* what was made in one tick of the clock with the fork counts as after it */
    pid_t pid = fork();
    if (pid == 0) {
        usleep(200000);
        keep_blocks();
        keep_fds();
        keep_fds();
        usleep(500000); /* the file is being made, by a task of its own */
        ready();
        pause();
    }
    waitpid(pid, NULL, 0);
    close(3); /* the child's end changes nothing here */
    ready();
}

int main(int count, char **words)
{
    const char *way = count > 1 ? words[1] : "";
    struct rlimit many = {65536, 65536};
    setrlimit(RLIMIT_NOFILE, &many);
    if (strcmp(way, "forked") == 0) {
        forked();
    } else if (strcmp(way, "kid") == 0) {
        kid();
    } else if (strcmp(way, "undone") == 0) {
        undone();
        return 0;
    } else if (strcmp(way, "struck") == 0) {
        struck();
        return 0;
    } else if (strcmp(way, "rooted") == 0) {
        return chroot(words[2]) != 0;
    } else if (strcmp(way, "grow") == 0) {
        ready();
        for (int i = 0; i < GROWN_MOST; i++)
            memset(malloc(CHUNK), 1, CHUNK);
    } else {
        keep();
        if (strcmp(way, "many") == 0)
            keep_many();
        if (strcmp(way, "crowd") == 0)
            crowd();
        if (strcmp(way, "locked") == 0)
            lock();
        if (strcmp(way, "storm") == 0)
            for (int i = 0; i < THREADS; i++) {
                pthread_t thread;
                pthread_create(&thread, NULL, churn, NULL);
            }
        if (strcmp(way, "failexec") == 0)
            execl("/nowhere/at/all", "all", (char *)NULL);
        ready();
        if (strcmp(way, "exec") == 0)
            execl("/bin/sleep", "sleep", "100", (char *)NULL);
    }
    if (strcmp(way, "end") != 0)
        pause();
    return 0;
}
