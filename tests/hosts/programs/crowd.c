/* SPDX-License-Identifier: MIT */
/*
 * Many of something. The word after it says how many:
 *
 *   turns N   threads one after the other; every hundredth leaves a file open
 *   crowd N   threads that are alive at once, each with a block of its own
 *   hoard N   blocks, all held, then given back
 *   busy MS   threads that do a little of everything, until a line comes on stdin and
 *             MS milliseconds more; any call that does not end as it should is told
 *
 * Says "ready" where it waits for a line, and at the end what it did.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LEAVES_EVERY = 100, BLOCK_BYTES = 48, STACK_BYTES = 64 << 10, MS_NS = 1000000 };

static void line_await(void)
{
    puts("ready");
    fflush(stdout);
    if (getchar() == EOF)
        exit(9);
}

/* ---- turns ---- */

static void *leave_some(void *number)
{
    if ((size_t)number % LEAVES_EVERY == 0)
        open("/etc/passwd", O_RDONLY);
    free(malloc(BLOCK_BYTES));
    return NULL;
}

static void turns(size_t count)
{
    for (size_t i = 1; i <= count; i++) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, leave_some, (void *)i) || pthread_join(thread, NULL))
            exit(1);
    }
}

/* ---- crowd ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static size_t arrived;
static int may_leave;

static void *stand_about(void *unused)
{
    void *block = malloc(BLOCK_BYTES);

    pthread_mutex_lock(&lock);
    arrived++;
    pthread_cond_broadcast(&changed);
    while (!may_leave)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    free(block);
    return unused;
}

/* Exits with 77 where the machine does not have as many threads. */
static void crowd(size_t count)
{
    pthread_t *threads = calloc(count, sizeof(*threads));
    pthread_attr_t small;
    size_t made = 0;

    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_BYTES);
    while (made < count && pthread_create(&threads[made], &small, stand_about, NULL) == 0)
        made++;
    pthread_mutex_lock(&lock);
    while (arrived < made)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    if (made < count)
        _exit(77);
    line_await();
    pthread_mutex_lock(&lock);
    may_leave = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    free(threads);
}

/* ---- hoard ---- */

static void hoard(size_t count)
{
    char **blocks = malloc(count * sizeof(*blocks));

    for (size_t i = 0; i < count; i++) {
        blocks[i] = malloc(BLOCK_BYTES);
        memset(blocks[i], (int)i, BLOCK_BYTES);
    }
    line_await();
    for (size_t i = 0; i < count; i++) {
        if (blocks[i][BLOCK_BYTES - 1] != (char)i)
            exit(2);
        free(blocks[i]);
    }
    free(blocks);
}

/* ---- busy ---- */

static atomic_int over;
static atomic_ulong rounds;

#define EXPECT(what)                                                                               \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            printf("%s: errno %d\n", #what, errno);                                                \
            fflush(stdout);                                                                        \
            _exit(3);                                                                              \
        }                                                                                          \
    } while (0)

static void *work_blocks(void *unused)
{
    while (!over) {
        char *block = malloc(100);

        EXPECT(block);
        block = realloc(block, 1000);
        EXPECT(block);
        EXPECT(!realloc(block, PTRDIFF_MAX));
        free(block);
        rounds++;
    }
    return unused;
}

static void *work_files(void *unused)
{
    while (!over) {
        FILE *stream = fopen("/etc/passwd", "re");
        int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC), copy = dup(fd);

        EXPECT(stream && fd >= 0 && copy >= 0);
        EXPECT(dup2(fd, copy) == copy);
        EXPECT(close(fd) == 0 && close(copy) == 0 && fclose(stream) == 0);
        rounds++;
    }
    return unused;
}

static void *work_threads(void *unused)
{
    while (!over) {
        pthread_t thread;

        EXPECT(pthread_create(&thread, NULL, leave_some, (void *)1) == 0);
        EXPECT(pthread_join(thread, NULL) == 0);
        rounds++;
    }
    return unused;
}

static void *work_children(void *unused)
{
    while (!over) {
        int status;
        pid_t pid = fork();

        EXPECT(pid >= 0);
        if (pid == 0)
            _exit(5);
        EXPECT(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 5);
        rounds++;
    }
    return unused;
}

static void *work_sleeps(void *unused)
{
    while (!over) {
        struct timespec pause = {0, 2 * MS_NS};

        EXPECT(nanosleep(&pause, NULL) == 0);
        rounds++;
    }
    return unused;
}

static void busy(size_t milliseconds)
{
    void *(*const works[])(void *) = {work_blocks, work_files, work_threads, work_children,
                                      work_sleeps};
    enum { WORKS = sizeof(works) / sizeof(works[0]) };
    pthread_t threads[WORKS];
    struct timespec more = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * MS_NS};

    for (int i = 0; i < WORKS; i++)
        EXPECT(pthread_create(&threads[i], NULL, works[i], NULL) == 0);
    line_await();
    EXPECT(nanosleep(&more, NULL) == 0);
    over = 1;
    for (int i = 0; i < WORKS; i++)
        EXPECT(pthread_join(threads[i], NULL) == 0);
    EXPECT(rounds > 0);
}

static const struct {
    const char *name;
    void (*run)(size_t count);
} jobs[] = {{"turns", turns}, {"crowd", crowd}, {"hoard", hoard}, {"busy", busy}};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 2 && i < sizeof(jobs) / sizeof(jobs[0]); i++) {
        if (strcmp(jobs[i].name, argv[1]))
            continue;
        jobs[i].run(strtoul(argv[2], NULL, 10));
        printf("%s %s: all well\n", argv[1], argv[2]);
        return 0;
    }
    return 64;
}
