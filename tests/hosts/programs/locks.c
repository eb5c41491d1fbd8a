/* SPDX-License-Identifier: MIT */
/*
 * Threads that lock, wait, try and fork, all of it as it should be: a tracker that follows
 * locks has nothing to say.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 8, TURNS = 20000, MUTEXES = 4, WAIT_NS = 20000, FORKS_EVERY = 1000 };

static pthread_mutex_t mutexes[MUTEXES] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
                                           PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static pthread_mutex_t nested = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static pthread_rwlock_t book = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* Around a fork: the child gives back what its parent's thread has locked. (One that
 * nests would not let it: its owner is another there.) */
static void lock_first(void)
{
    pthread_mutex_lock(&mutexes[0]);
}

static void unlock_first(void)
{
    pthread_mutex_unlock(&mutexes[0]);
}

static void use_mutex(pthread_mutex_t *mutex)
{
    pthread_mutex_lock(mutex);
    pthread_mutex_unlock(mutex);
}

static void try_mutex(pthread_mutex_t *mutex)
{
    if (pthread_mutex_trylock(mutex) == 0)
        pthread_mutex_unlock(mutex);
}

static void wait_awhile(pthread_mutex_t *mutex)
{
    struct timespec limit;

    pthread_mutex_lock(mutex);
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_nsec += WAIT_NS;
    if (limit.tv_nsec >= 1000000000) {
        limit.tv_sec++;
        limit.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&changed, mutex, &limit);
    pthread_mutex_unlock(mutex);
}

static void tell(pthread_mutex_t *unused)
{
    (void)unused;
    pthread_cond_broadcast(&changed);
}

static void read_twice(pthread_mutex_t *unused)
{
    (void)unused;
    if (pthread_rwlock_rdlock(&book) == 0) {
        if (pthread_rwlock_tryrdlock(&book) == 0)
            pthread_rwlock_unlock(&book);
        pthread_rwlock_unlock(&book);
    }
}

static void write_once(pthread_mutex_t *unused)
{
    (void)unused;
    pthread_rwlock_wrlock(&book);
    pthread_rwlock_unlock(&book);
}

static void nest(pthread_mutex_t *unused)
{
    (void)unused;
    pthread_mutex_lock(&nested);
    pthread_mutex_lock(&nested);
    pthread_mutex_unlock(&nested);
    pthread_mutex_unlock(&nested);
}

static void make_one(pthread_mutex_t *unused)
{
    pthread_mutex_t *made = malloc(sizeof(*made));

    (void)unused;
    pthread_mutex_init(made, NULL);
    use_mutex(made);
    pthread_mutex_destroy(made);
    free(made);
}

/* What libc refuses has not happened. */
static void be_refused(pthread_mutex_t *unused)
{
    static pthread_mutex_t checking = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
    pthread_mutex_t made = PTHREAD_MUTEX_INITIALIZER;

    (void)unused;
    if (pthread_mutex_unlock(&checking) != EPERM)
        puts("never");
    pthread_mutex_lock(&made);
    if (pthread_mutex_destroy(&made) != EBUSY)
        puts("never");
    pthread_mutex_unlock(&made);
    pthread_mutex_destroy(&made);
}

/* A free one has its ceiling where others have nothing. */
static void make_with_ceiling(pthread_mutex_t *unused)
{
    pthread_mutexattr_t attributes;
    pthread_mutex_t made;

    (void)unused;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_PROTECT);
    pthread_mutexattr_setprioceiling(&attributes, sched_get_priority_min(SCHED_FIFO));
    pthread_mutex_init(&made, &attributes);
    pthread_mutex_destroy(&made);
}

static void (*const acts[])(pthread_mutex_t *mutex) = {
    use_mutex,  try_mutex, wait_awhile, tell,       read_twice,
    write_once, nest,      make_one,    be_refused, make_with_ceiling,
};
enum { ACTS = sizeof(acts) / sizeof(acts[0]) };

static void fork_one(void)
{
    pid_t child = fork();

    if (child == 0) {
        use_mutex(&mutexes[0]);
        exit(0);
    }
    waitpid(child, NULL, 0);
}

static void *work(void *number)
{
    unsigned seed = (unsigned)(size_t)number;

    for (int i = 1; i <= TURNS; i++) {
        acts[rand_r(&seed) % ACTS](&mutexes[rand_r(&seed) % MUTEXES]);
        if (i % FORKS_EVERY == 0)
            fork_one();
    }
    return NULL;
}

/* While the main thread is where nobody else may be. */
static void *end_all(void *unused)
{
    (void)unused;
    puts("all well");
    exit(0);
}

int main(void)
{
    pthread_t threads[THREADS];

    pthread_atfork(lock_first, unlock_first, unlock_first);
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_lock(&mutexes[1]);
    pthread_create(&threads[0], NULL, end_all, NULL);
    for (;;)
        pause();
}
