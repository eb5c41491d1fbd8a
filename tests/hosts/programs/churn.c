/* SPDX-License-Identifier: MIT */
/*
 * Gets and gives back one of everything, again and again, and says by how many bytes of
 * resident memory each time has made the process grow: a tracker must not, however long
 * the night.
 *
 *     churn TIMES
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <glob.h>
#include <iconv.h>
#include <locale.h>
#include <netdb.h>
#include <pthread.h>
#include <regex.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WARM = 300, SLOW = 20, PAGE_BYTES = 4096 };

static long resident(void)
{
    char line[256] = "";
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    long pages = 0;

    if (read(fd, line, sizeof(line) - 1) > 0)
        sscanf(line, "%*d %ld", &pages);
    close(fd);
    return pages * PAGE_BYTES;
}

static void *end(void *unused)
{
    free(malloc(10));
    return unused;
}

static void *quit(void *unused)
{
    pthread_exit(unused);
}

static void memory(void)
{
    free(realloc(malloc(100), 50000));
}

static void file(void)
{
    close(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

static void pair(void)
{
    int ends[2];

    socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    close(ends[0]);
    close(ends[1]);
}

static void events(void)
{
    close(epoll_create1(EPOLL_CLOEXEC));
}

static void stream(void)
{
    fclose(fopen("/dev/null", "re"));
}

static void directory(void)
{
    closedir(opendir("/"));
}

static void thread(void)
{
    pthread_t made;

    pthread_create(&made, NULL, end, NULL);
    pthread_join(made, NULL);
}

static void quitter(void)
{
    pthread_t made;

    pthread_create(&made, NULL, quit, NULL);
    pthread_join(made, NULL);
}

static void child(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
}

static void mapping(void)
{
    char *pages = mmap(NULL, 2 * PAGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    munmap(pages, PAGE_BYTES);
    munmap(pages + PAGE_BYTES, PAGE_BYTES);
}

static void module(void)
{
    void *made = dlopen("libanl.so.1", RTLD_NOW);

    if (made)
        dlclose(made);
}

static void timer(void)
{
    struct sigevent none = {.sigev_notify = SIGEV_NONE};
    timer_t made;

    timer_create(CLOCK_MONOTONIC, &none, &made);
    timer_delete(made);
}

static void semaphore(void)
{
    sem_t *made = sem_open("/ctxtrace-churn", O_CREAT, 0600, 1);

    sem_close(made);
    sem_unlink("/ctxtrace-churn");
}

static void paths(void)
{
    glob_t found;

    glob("/etc/passwd", 0, NULL, &found);
    globfree(&found);
}

static void pattern(void)
{
    regex_t made;

    regcomp(&made, "a*", 0);
    regfree(&made);
}

static void language(void)
{
    freelocale(newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL));
}

static void conversion(void)
{
    iconv_close(iconv_open("UTF-8", "ISO-8859-1"));
}

static void addresses(void)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *list;

    if (getaddrinfo("127.0.0.1", NULL, &hints, &list) == 0)
        freeaddrinfo(list);
}

static void key(void)
{
    pthread_key_t made;

    pthread_key_create(&made, NULL);
    pthread_key_delete(made);
}

static void lock(void)
{
    static pthread_rwlock_t shared = PTHREAD_RWLOCK_INITIALIZER;
    pthread_mutex_t made;

    pthread_mutex_init(&made, NULL);
    pthread_mutex_lock(&made);
    pthread_rwlock_rdlock(&shared);
    pthread_rwlock_unlock(&shared);
    pthread_mutex_unlock(&made);
    pthread_mutex_destroy(&made);
}

static void mishap(void)
{
    close(open("/no/such/file", O_RDONLY | O_CLOEXEC));
}

#define ACT(name, slower)                                                                          \
    {                                                                                              \
#name, name, slower                                                                        \
    }
static const struct act {
    const char *name;
    void (*act)(void);
    long slower; /* as many times fewer */
} acts[] = {
    ACT(memory, 1),    ACT(file, 1),       ACT(pair, 1),      ACT(events, 1),   ACT(stream, 1),
    ACT(directory, 1), ACT(thread, 1),     ACT(quitter, 1),   ACT(child, SLOW), ACT(mapping, 1),
    ACT(module, 4),    ACT(timer, 1),      ACT(semaphore, 4), ACT(paths, 1),    ACT(pattern, 1),
    ACT(language, 4),  ACT(conversion, 1), ACT(addresses, 4), ACT(key, 1),      ACT(lock, 1),
    ACT(mishap, 1),
};

int main(int argc, char **argv)
{
    long times = argc > 1 ? atol(argv[1]) : 0;

    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        long count = times / acts[i].slower;
        long before;

        for (int warm = 0; warm < WARM; warm++)
            acts[i].act();
        before = resident();
        for (long n = 0; n < count; n++)
            acts[i].act();
        printf("%s %ld %ld\n", acts[i].name, count, resident() - before);
    }
    return 0;
}
