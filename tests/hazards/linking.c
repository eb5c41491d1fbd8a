/* SPDX-License-Identifier: MIT */
/*
 * Hazards of standing between a program and its libc: late and early calls, variadic
 * functions, errno, cancellation and jumps over our frames.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cases.h"

enum { THREADS = 16, ROUNDS = 50, ARGUMENTS = 200, POISON = 1234 };

static pthread_key_t keys[3];

/* hazard: A10: destructors of thread-specific data acquire and release too. */
static void use_everything(void *round)
{
    intptr_t left = (intptr_t)round;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    free(realloc(malloc(100), 1000));
    close(fd);
    if (left > 1)
        pthread_setspecific(keys[0], (void *)(left - 1));
}

static void *set_keys(void *unused)
{
    for (int i = 0; i < 3; i++)
        pthread_setspecific(keys[i], (void *)(intptr_t)3);
    return unused;
}

static int run_key_destructors(void)
{
    pthread_t threads[THREADS];

    for (int i = 0; i < 3; i++)
        pthread_key_create(&keys[i], use_everything);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, set_keys, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    puts("all threads joined");
    return 0;
}

/* hazard: A2: a dlsym that fails calls malloc inside the loader. */
static int run_dlsym_failure(void)
{
    for (int i = 0; i < ROUNDS; i++)
        if (dlsym(RTLD_NEXT, "no_such_function") || !dlerror())
            return 1;
    puts(dlsym(RTLD_DEFAULT, "malloc") ? "found" : "not found");
    return 0;
}

/* hazard: A3: many threads make their first calls at the same time. */
static void *call_first(void *barrier)
{
    pthread_barrier_wait(barrier);
    use_everything(NULL);
    return NULL;
}

static int run_first_calls(void)
{
    pthread_barrier_t barrier;
    pthread_t threads[4 * THREADS];

    pthread_barrier_init(&barrier, NULL, 4 * THREADS);
    for (int i = 0; i < 4 * THREADS; i++)
        pthread_create(&threads[i], NULL, call_first, &barrier);
    for (int i = 0; i < 4 * THREADS; i++)
        pthread_join(threads[i], NULL);
    puts("all called");
    return 0;
}

/* hazard: A20, A7: open's mode counts only with O_CREAT and O_TMPFILE. */
static int run_open_modes(void)
{
    struct stat facts;
    int fd;

    umask(0);
    fd = open("created", O_CREAT | O_WRONLY, 0641);
    fstat(fd, &facts);
    printf("%o", facts.st_mode & 07777u);
    close(fd);
    fd = openat(AT_FDCWD, ".", O_TMPFILE | O_RDWR, 0604);
    fstat(fd, &facts);
    printf(" %o", facts.st_mode & 07777u);
    printf(" %d", fcntl(fd, F_SETFL, O_APPEND));
    printf(" %d", !!(fcntl(fd, F_GETFL) & O_APPEND));
    printf(" %d\n", fcntl(fd, F_DUPFD_CLOEXEC, 40));
    close(fd);
    close(40);
    return 0;
}

/* hazard: A20: execl with two hundred arguments, and execle with an environment. */
static int run_execl(void)
{
#define TEN(x) x, x, x, x, x, x, x, x, x, x
    const char *a = "word";
    char *const environment[] = {"ONE=1", NULL};

    if (fork() == 0)
        execl("/bin/sh", "sh", "-c", "echo $# $1 $200", "sh", TEN(a), TEN(a), TEN(a), TEN(a),
              TEN(a), TEN(a), TEN(a), TEN(a), TEN(a), TEN(a), TEN(a), TEN(a), TEN(a), TEN(a),
              TEN(a), TEN(a), TEN(a), TEN(a), TEN(a), TEN(a), (char *)NULL);
    wait(NULL);
    fflush(stdout);
    if (fork() == 0)
        execle("/bin/sh", "sh", "-c", "echo $ONE $HOME", (char *)NULL, environment);
    wait(NULL);
    return 0;
}

static void check_errno(const char *name)
{
    if (errno != POISON)
        printf("%s left errno %d\n", name, errno);
    errno = POISON;
}

/* hazard: A21: what succeeds leaves errno alone. */
static int run_errno(void)
{
    void *block;
    FILE *stream;
    int fd;

    errno = POISON;
    block = malloc(100);
    check_errno("malloc");
    block = realloc(block, 100000);
    check_errno("realloc");
    free(block);
    check_errno("free");
    fd = open("/dev/null", O_RDONLY);
    check_errno("open");
    dup2(fd, 30);
    check_errno("dup2");
    close(fd);
    close(30);
    check_errno("close");
    stream = fopen("/etc/passwd", "r");
    check_errno("fopen");
    fclose(stream);
    check_errno("fclose");
    close(-1);
    printf("close(-1) %d\n", errno == EBADF);
    printf("open %d\n", open("/nonexistent", O_RDONLY) + (errno == ENOENT));
    return 0;
}

static void *read_for_ever(void *fd)
{
    char byte;

    for (;;)
        (void)!read((int)(intptr_t)fd, &byte, 1);
    return NULL;
}

/* hazard: A22: a thread is cancelled inside the real call, below our frame. */
static int run_cancel(void)
{
    int ends[2], cancelled = 0;

    if (pipe(ends))
        return 1;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_t thread;
        void *result;

        pthread_create(&thread, NULL, read_for_ever, (void *)(intptr_t)ends[0]);
        pthread_cancel(thread);
        pthread_join(thread, &result);
        cancelled += result == PTHREAD_CANCELED;
    }
    close(ends[0]);
    close(ends[1]);
    printf("%d cancelled\n", cancelled);
    return 0;
}

static sigjmp_buf back;

static void jump_out(int number)
{
    siglongjmp(back, number);
}

/* hazard: A22: a handler that jumps out of a hook must not leave the thread blind. */
static int run_longjmp(void)
{
    struct itimerval every = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    volatile int jumps = 0;
    int ends[2];
    char byte;

    if (pipe(ends))
        return 1;
    signal(SIGALRM, jump_out);
    sigsetjmp(back, 1);
    setitimer(ITIMER_REAL, jumps < ROUNDS ? &every : &never, NULL);
    if (jumps < ROUNDS) {
        jumps++;
        (void)!read(ends[0], &byte, 1);
    }
    close(ends[0]);
    close(ends[1]);
    printf("%d jumps\n", jumps);
    return 0;
}

static const struct hazard_case cases[] = {
    {"key_destructors", run_key_destructors},
    {"dlsym_failure", run_dlsym_failure},
    {"first_calls", run_first_calls},
    {"open_modes", run_open_modes},
    {"execl", run_execl},
    {"errno", run_errno},
    {"cancel", run_cancel},
    {"longjmp", run_longjmp},
};

int main(int argc, char **argv)
{
    return RUN_CASES(cases, argc, argv);
}
