/* SPDX-License-Identifier: MIT */
/*
 * Threads that end by a system call of their own: nothing of libc's or ours comes to its
 * end in them, and what they hold is held by nobody. One is joined, two are not.
 *
 * hazard: D9
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS = 3, STEP_US = 1000 };

static volatile int tids[THREADS];

__attribute__((noinline)) static void leave(int fd)
{
#ifdef FIXED
    close(fd);
#else
    (void)fd;
#endif
}

static void *work(void *number)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    leave(fd);
    tids[(size_t)number] = (int)syscall(SYS_gettid);
    syscall(SYS_exit, 0);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    pthread_detach(threads[1]);
    for (size_t i = 0; i < THREADS; i++)
        while (!tids[i] || syscall(SYS_tgkill, getpid(), tids[i], 0) == 0)
            usleep(STEP_US);
    pthread_join(threads[0], NULL);
#ifdef FIXED
    pthread_join(threads[2], NULL);
#endif
    return 0;
}
