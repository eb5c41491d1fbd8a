/* SPDX-License-Identifier: MIT */
/*
 * A joinable thread that ended and was never joined: its stack stays mapped.
 * A joined and a detached sibling show that those are not meant.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TASK_FOLDER_LINKS = 2 }; /* "." and ".."; one more per task */

static sem_t finished;

static void *say_finished(void *unused)
{
    sem_post(&finished);
    return unused;
}

__attribute__((noinline)) static pthread_t start_worker(void)
{
    pthread_t worker;

    if (pthread_create(&worker, NULL, say_finished, NULL))
        _exit(1);
    return worker;
}

/* The kernel's task is gone some time after the thread's last own action. */
static void await_single_task(void)
{
    const useconds_t pause_us = 1000;
    struct stat folder;

    while (!stat("/proc/self/task", &folder) && folder.st_nlink > TASK_FOLDER_LINKS + 1)
        usleep(pause_us);
}

int main(void)
{
    pthread_t forgotten, joined, detached;

    sem_init(&finished, 0, 0);
    forgotten = start_worker();
    joined = start_worker();
    detached = start_worker();
    pthread_detach(detached);
    pthread_join(joined, NULL);
    for (int i = 0; i < 3; i++)
        sem_wait(&finished);
#ifdef FIXED
    pthread_join(forgotten, NULL);
#endif
    (void)forgotten;
    await_single_task();
    puts("workers finished");
    return 0;
}
