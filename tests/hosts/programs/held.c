/* SPDX-License-Identifier: MIT */
/*
 * Holds what it is told to, one command a line on stdin: "f 5" opens five files,
 * "m 5" allocates five blocks, "c 3" closes descriptor 3, "x 2" frees block 2,
 * "t 1" lets a thread open a file and end, "r 1" opens a file behind libc's back,
 * "u 3" reads from descriptor 3, "q 7" ends with status 7. Answers each
 * with a line. An argument is a signal that it takes for itself.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { BLOCKS_MAX = 1000, BLOCK_BYTES = 1000 };

static void *blocks[BLOCKS_MAX];
static int block_count;

static void signal_take(int number)
{
    (void)number;
}

static void files_open(int count)
{
    for (int i = 0; i < count; i++)
        open("/etc/passwd", O_RDONLY);
}

static void blocks_allocate(int count)
{
    for (int i = 0; i < count && block_count < BLOCKS_MAX; i++)
        blocks[block_count++] = malloc(BLOCK_BYTES);
}

/* A system call that comes by no function. */
static long instruction(long number, long a, long b, long c)
{
    register long r10 __asm__("r10") = 0;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
}

static void files_open_raw(int count)
{
    for (int i = 0; i < count; i++)
        instruction(SYS_openat, AT_FDCWD, (long)"/etc/passwd", O_RDONLY);
}

static void descriptor_use(int fd)
{
    char byte;

    while (read(fd, &byte, 1) < 0)
        ;
}

static void *thread_run(void *unused)
{
    files_open(1);
    return unused;
}

static void thread_leak(int count)
{
    pthread_t thread;

    for (int i = 0; i < count; i++) {
        pthread_create(&thread, NULL, thread_run, NULL);
        pthread_join(thread, NULL);
    }
}

int main(int argc, char **argv)
{
    char verb;
    int number;

    if (argc > 1)
        signal(atoi(argv[1]), signal_take);
    setvbuf(stdout, NULL, _IONBF, 0);
    puts("ready");
    while (scanf(" %c %d", &verb, &number) == 2) {
        if (verb == 'f')
            files_open(number);
        else if (verb == 'm')
            blocks_allocate(number);
        else if (verb == 'c')
            close(number);
        else if (verb == 'x')
            free(blocks[number]);
        else if (verb == 't')
            thread_leak(number);
        else if (verb == 'r')
            files_open_raw(number);
        else if (verb == 'u')
            descriptor_use(number);
        else
            return number;
        puts("done");
    }
    return 0;
}
