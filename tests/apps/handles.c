/* SPDX-License-Identifier: MIT */
/* Makes two of each handle of libc's, one after the other, and gives back the second. */
#include <fcntl.h>
#include <fts.h>
#include <glob.h>
#include <iconv.h>
#include <ifaddrs.h>
#include <locale.h>
#include <mntent.h>
#include <net/if.h>
#include <netdb.h>
#include <pthread.h>
#include <regex.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>
#include <wordexp.h>

#ifdef FIXED
static const bool keep = false;
#else
static const bool keep = true;
#endif

#define PLACE __attribute__((noinline)) static void

PLACE hosts(bool leak)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *list = NULL;

    if (getaddrinfo("127.0.0.1", NULL, &hints, &list) == 0 && !leak)
        freeaddrinfo(list);
}

PLACE interfaces(bool leak)
{
    struct ifaddrs *list = NULL;

    if (getifaddrs(&list) == 0 && !leak)
        freeifaddrs(list);
}

PLACE names(bool leak)
{
    struct if_nameindex *list = if_nameindex();

    if (list && !leak)
        if_freenameindex(list);
}

PLACE pattern(bool leak)
{
    static regex_t kept;
    regex_t once, *regex = leak ? &kept : &once;

    if (regcomp(regex, "a*b", 0) == 0 && !leak)
        regfree(regex);
    if (regcomp(&once, "a\\(", 0) == 0) /* fails: nothing to give back */
        puts("never");
}

PLACE words(bool leak)
{
    static wordexp_t kept;
    wordexp_t once, *expanded = leak ? &kept : &once;

    if (wordexp("a b", expanded, WRDE_NOCMD) == 0 && !leak)
        wordfree(expanded);
}

PLACE paths(bool leak)
{
    static glob_t kept;
    glob_t once, *found = leak ? &kept : &once;

    if (glob("/etc/passwd", 0, NULL, found) == 0 &&
        glob("/etc/group", GLOB_APPEND, NULL, found) == 0 && !leak)
        globfree(found);
    if (glob("/nowhere*", 0, NULL, &once) == 0)
        puts("never");
}

PLACE timer(bool leak)
{
    struct sigevent none = {.sigev_notify = SIGEV_NONE};
    timer_t made;

    if (timer_create(CLOCK_MONOTONIC, &none, &made) == 0 && !leak)
        timer_delete(made);
}

/* One object, however often it is opened. */
PLACE named_semaphore(bool leak)
{
    char name[64];
    sem_t *first, *second;

    snprintf(name, sizeof(name), "/handles-%d-%d", (int)getpid(), leak);
    first = sem_open(name, O_CREAT, 0600, 1);
    second = sem_open(name, 0);
    sem_unlink(name);
    if (first == SEM_FAILED || first != second)
        puts("never");
    sem_close(first);
    if (!leak)
        sem_close(second);
}

PLACE spawn(bool leak)
{
    static posix_spawn_file_actions_t kept_actions;
    static posix_spawnattr_t kept;
    posix_spawn_file_actions_t once_actions, *actions = leak ? &kept_actions : &once_actions;
    posix_spawnattr_t once, *attributes = leak ? &kept : &once;

    posix_spawn_file_actions_init(actions);
    posix_spawnattr_init(attributes);
    if (!leak) {
        posix_spawn_file_actions_destroy(actions);
        posix_spawnattr_destroy(attributes);
    }
}

PLACE language(bool leak)
{
    locale_t made = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
    locale_t changed = newlocale(LC_TIME_MASK, "C.UTF-8", made);

    if (changed && !leak)
        freelocale(changed);
}

PLACE copied_language(bool leak)
{
    locale_t copy = duplocale(LC_GLOBAL_LOCALE);

    if (copy && !leak)
        freelocale(copy);
}

PLACE conversion(bool leak)
{
    iconv_t made = iconv_open("UTF-8", "ISO-8859-1");

    if (made != (iconv_t)-1 && !leak)
        iconv_close(made);
    if (iconv_open("no-such", "charset") != (iconv_t)-1)
        puts("never");
}

PLACE tree(bool leak)
{
    char *paths[] = {(char *)"/dev/null", NULL};
    FTS *made = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);

    if (made && !leak)
        fts_close(made);
}

PLACE mounts(bool leak)
{
    FILE *table = setmntent("/proc/mounts", "r");

    if (table && !leak)
        endmntent(table);
}

PLACE thread_key(bool leak)
{
    pthread_key_t key;

    if (pthread_key_create(&key, NULL) == 0 && !leak)
        pthread_key_delete(key);
}

PLACE c11_key(bool leak)
{
    tss_t key;

    if (tss_create(&key, NULL) == thrd_success && !leak)
        tss_delete(key);
}

/* Ids outlive the process: removed at the end, unseen, or each run would leave some. */
static int memory_id = -1, semaphore_id = -1, queue_id = -1;

PLACE shared_memory(bool leak)
{
    int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);

    if (leak)
        memory_id = id;
    else
        shmctl(id, IPC_RMID, NULL);
}

PLACE semaphores(bool leak)
{
    int id = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);

    if (leak)
        semaphore_id = id;
    else
        semctl(id, 0, IPC_RMID);
}

PLACE queue(bool leak)
{
    int id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);

    if (leak)
        queue_id = id;
    else
        msgctl(id, IPC_RMID, NULL);
}

static void (*const places[])(bool leak) = {
    hosts,      interfaces, names,  pattern,         words,   language,      copied_language,
    conversion, tree,       mounts, thread_key,      c11_key, shared_memory, semaphores,
    queue,      paths,      timer,  named_semaphore, spawn,
};

int main(void)
{
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        places[i](keep);
        places[i](false);
    }
    printf("%d %d %d\n", memory_id >= 0, semaphore_id >= 0, queue_id >= 0);
    syscall(SYS_shmctl, memory_id, IPC_RMID, NULL);
    syscall(SYS_semctl, semaphore_id, 0, IPC_RMID, NULL);
    syscall(SYS_msgctl, queue_id, IPC_RMID, NULL);
    return 0;
}
