/* SPDX-License-Identifier: MIT */
/* A thread's descriptors are closed by another one, which means to stop it so. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

static int ends[2], opened = -1;
static pthread_barrier_t ready, closed;

__attribute__((noinline)) static void stop_worker(void)
{
#ifdef FIXED
    shutdown(ends[0], SHUT_RDWR);
#else
    close(ends[0]);
    close(opened);
#endif
}

__attribute__((noinline)) static void use_all(void)
{
    char byte;

    (void)!recv(ends[0], &byte, 1, MSG_DONTWAIT);
    (void)!read(opened, &byte, 1);
}

static void *work(void *unused)
{
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
    opened = open("/dev/null", O_RDONLY | O_CLOEXEC);
    use_all();
    pthread_barrier_wait(&ready);
    pthread_barrier_wait(&closed);
    use_all();
#ifdef FIXED
    close(ends[0]);
    close(opened);
#endif
    close(ends[1]);
    return unused;
}

int main(void)
{
    pthread_t worker;
    char byte;

    pthread_barrier_init(&ready, NULL, 2);
    pthread_barrier_init(&closed, NULL, 2);
    pthread_create(&worker, NULL, work, NULL);
    pthread_barrier_wait(&ready);
    stop_worker();
    pthread_barrier_wait(&closed);
    pthread_join(worker, NULL);
    (void)!read(opened, &byte, 1); /* closed by whoever, and not ours */
    return 0;
}
