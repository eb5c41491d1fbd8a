/* SPDX-License-Identifier: MIT */
/*
 * Hazards of re-entry and of sharing descriptors and memory with the program: signal
 * handlers that acquire, programs that close everything, limits that are reached.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include "cases.h"

enum { STORM = 300, BLOCKS = 1000, LOW_LIMIT = 64 };
enum { COROUTINES = 64, COROUTINE_BYTES = 65536, GUARD_BYTES = 4096, OPENS = 50000 };

static volatile sig_atomic_t storms;

static void acquire_in_handler(int number)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    free(malloc((size_t)(100 + number)));
    close(fd);
    storms++;
}

/* hazard: B4: a handler interrupts bookkeeping of ours and acquires itself. */
static int run_signal_storm(void)
{
    struct itimerval every = {{0, 1000}, {0, 1000}};

    signal(SIGALRM, acquire_in_handler);
    setitimer(ITIMER_REAL, &every, NULL);
    while (storms < STORM) {
        void *block = malloc(storms % 100 + 1u);
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        free(block);
        if (fd >= 0)
            close(fd);
    }
    signal(SIGALRM, SIG_IGN);
    puts("the storm is over");
    return 0;
}

static int write_and_read_back(void)
{
    char text[32] = "";
    int fd = open("written", O_CREAT | O_RDWR | O_TRUNC, 0600);

    printf("fd %d\n", fd);
    if (write(fd, "only this", 9) != 9 || pread(fd, text, sizeof(text) - 1, 0) != 9)
        return 1;
    close(fd);
    puts(text);
    return 0;
}

/* hazard: B5, E4: a daemon closes all descriptors, by every known way. */
static int run_close_everything(void)
{
    for (int fd = 3; fd < 256; fd++)
        close(fd);
    closefrom(3);
    close_range(3, ~0u, 0);
    syscall(SYS_close_range, 3, ~0u, 0);
    for (int fd = 3; fd < 20; fd++)
        dup2(0, fd);
    closefrom(3);
    return write_and_read_back();
}

/* hazard: B7: descriptors run out; what we do then needs none. */
static int run_no_descriptor_left(void)
{
    struct rlimit limit = {LOW_LIMIT, LOW_LIMIT};
    int fds[LOW_LIMIT], opened = 0;

    setrlimit(RLIMIT_NOFILE, &limit);
    while ((fds[opened] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        opened++;
    printf("%d opened, then EMFILE %d\n", opened, errno == EMFILE);
    while (opened)
        close(fds[--opened]);
    return 0;
}

/* hazard: B8: number 2 is a data file by now; nothing of ours may land in it. */
static int run_stderr_reused(void)
{
    FILE *forgotten = fopen("/etc/passwd", "re");
    int fd;

    close(2);
    fd = open("data", O_CREAT | O_WRONLY | O_TRUNC, 0600);
    printf("fd %d %d\n", fd, forgotten != NULL);
    return write(fd, "data only\n", 10) != 10;
}

/* hazard: B9: little address space; the program must get what it would get. */
static int run_small_address_space(void)
{
    struct rlimit limit = {256u << 20, 256u << 20};
    static void *blocks[BLOCKS];
    int got = 0;

    setrlimit(RLIMIT_AS, &limit);
    for (int i = 0; i < BLOCKS; i++)
        got += (blocks[i] = malloc(10000)) != NULL;
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    printf("%d blocks\n", got);
    return 0;
}

/* hazard: B9: locking all future memory must not fail because of our mappings. */
static int run_lock_all(void)
{
    int failed = mlockall(MCL_CURRENT | MCL_FUTURE);
    void *block = malloc(1 << 20);

    printf("%d %d\n", failed, block != NULL);
    free(block);
    munlockall();
    return 0;
}

static int compare_numbers(const void *one, const void *other)
{
    void *block = malloc(32);

    free(block);
    return *(const int *)one - *(const int *)other;
}

/* hazard: B2, B3: callbacks out of libc acquire: no guard of ours may be held then. */
static int run_callbacks(void)
{
    int numbers[500];

    for (int i = 0; i < 500; i++)
        numbers[i] = (i * 7919) % 500;
    qsort(numbers, 500, sizeof(numbers[0]), compare_numbers);
    printf("%d %d\n", numbers[0], numbers[499]);
    return 0;
}

/* hazard: E8, E11: odd sizes and pointers that malloc's family allows. */
static int run_odd_sizes(void)
{
    volatile size_t huge = SIZE_MAX;
    void *zero = malloc(0), *aligned = aligned_alloc(4096, 4096);

    free(NULL);
    printf("%d", zero != NULL);
    free(realloc(zero, 10));
    printf(" %d", calloc(huge, 2) == NULL);
    printf(" %d", reallocarray(NULL, huge, 2) == NULL);
    printf(" %d\n", ((size_t)aligned & 4095u) == 0);
    free(aligned);
    return 0;
}

static ucontext_t scheduler, coroutines[COROUTINES];
static volatile int finished;
static void *volatile kept;

static void run_coroutine(int number)
{
    for (;;) {
        kept = malloc((size_t)number + 1);
        free(kept);
        swapcontext(&coroutines[number], &scheduler);
    }
}

/* Each stack with a guard page, so that the mappings do not grow into one. */
static void *switch_stacks(void *unused)
{
    for (int i = 0; i < COROUTINES; i++) {
        char *stack =
            mmap(NULL, COROUTINE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        mprotect(stack, GUARD_BYTES, PROT_NONE);
        getcontext(&coroutines[i]);
        coroutines[i].uc_stack = (stack_t){.ss_sp = stack, .ss_size = COROUTINE_BYTES};
        makecontext(&coroutines[i], (void (*)(void))run_coroutine, 1, i);
    }
    while (!finished)
        for (int i = 0; i < COROUTINES; i++)
            swapcontext(&scheduler, &coroutines[i]);
    return unused;
}

/* hazard: B6: no capture takes a number that another thread's open expects. */
static int run_coroutine_numbers(void)
{
    pthread_t thread;
    int other_numbers = 0;

    pthread_create(&thread, NULL, switch_stacks, NULL);
    for (int i = 0; i < OPENS; i++) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        other_numbers += fd != STDERR_FILENO + 1;
        close(fd);
    }
    finished = 1;
    pthread_join(thread, NULL);
    printf("%d other numbers\n", other_numbers);
    return 0;
}

static const struct hazard_case cases[] = {
    {"signal_storm", run_signal_storm},
    {"close_everything", run_close_everything},
    {"no_descriptor_left", run_no_descriptor_left},
    {"stderr_reused", run_stderr_reused},
    {"small_address_space", run_small_address_space},
    {"lock_all", run_lock_all},
    {"callbacks", run_callbacks},
    {"odd_sizes", run_odd_sizes},
    {"coroutine_numbers", run_coroutine_numbers},
};

int main(int argc, char **argv)
{
    return RUN_CASES(cases, argc, argv);
}
