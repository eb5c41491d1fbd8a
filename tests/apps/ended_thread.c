/* SPDX-License-Identifier: MIT */
/*
 * A worker opens a descriptor and ends, joined and in order; nobody uses the
 * descriptor afterwards. A second worker hands its own over to main, which reads
 * it: that one is no finding.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

__attribute__((noinline)) static int open_forgotten(void)
{
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

    return fd;
}

__attribute__((noinline)) static int open_handed_over(void)
{
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

    return fd;
}

static void *work_and_forget(void *unused)
{
    int fd = open_forgotten();

#ifdef FIXED
    close(fd);
#endif
    (void)fd;
    return unused;
}

static void *work_and_return(void *unused)
{
    return (void *)(intptr_t)open_handed_over();
}

int main(void)
{
    pthread_t worker;
    void *result = NULL;
    char first = 0;

    if (pthread_create(&worker, NULL, work_and_forget, NULL) || pthread_join(worker, NULL))
        return 1;
    if (pthread_create(&worker, NULL, work_and_return, NULL) || pthread_join(worker, &result))
        return 1;
    if (read((int)(intptr_t)result, &first, 1) != 1)
        return 1;
#ifdef FIXED
    close((int)(intptr_t)result);
#endif
    puts("both workers joined");
    return 0;
}
