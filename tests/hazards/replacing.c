/* SPDX-License-Identifier: MIT */
/*
 * Programs that replace themselves by exec, and say what they find afterwards: which
 * signals are blocked, which are pending, and the environment. replacing.py starts it.
 *
 *     storm WAY N   replaces itself N times with short pauses, then shows
 *     vfork WAY     the child of a vfork is replaced and shows
 *     to FILE       is replaced by FILE show
 *     failed        tries what fails, and shows after each
 *     show
 *     text FILE     the same by execvp
 *     path FILE     the same by fexecve of what is open by its path alone
 *     lost FILE     the same without LD_LIBRARY_PATH
 *     less B FILE   the same with B bytes of address space
 *     other NEW OLD FILE   the same once NEW is renamed to OLD
 *     twice FILE    the same with an empty LD_PRELOAD behind the other
 *     badly         with environments that cannot be read
 *     crowded N B   N variables, from a thread with B bytes of stack
 *     largest       what fits into an exec, to a hundred bytes
 * Names in front: "blocked" blocks SIGUSR1 first, "asked" makes a request, where a
 * tracker is there to take it.
 *
 * hazard: D1, C9
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { NUMBER_MAX = 12, LONG_BYTES = 4 << 20, VARIABLES_MAX = 1000 };
enum { FULL = 15, ARGUMENT_BYTES = 128 << 10 };

static void show(void)
{
    char line[256];
    FILE *status = fopen("/proc/self/status", "re");

    while (status && fgets(line, sizeof(line), status)) {
        if (strncmp(line, "SigBlk", 6) == 0 || strncmp(line, "SigPnd", 6) == 0)
            fputs(line, stdout);
    }
    if (status)
        fclose(status);
    for (char **entry = environ; *entry; entry++) {
        if (strncmp(*entry, "LD_PRELOAD=", 11) != 0 && strncmp(*entry, "CTXTRACE_O", 10) != 0 &&
            strncmp(*entry, "CTXTRACE_TOOL", 13) != 0)
            puts(*entry);
    }
    fflush(stdout);
}

static int by_execve(const char *self, char **argv)
{
    return execve(self, argv, environ);
}
static int by_execv(const char *self, char **argv)
{
    return execv(self, argv);
}
static int by_execvp(const char *self, char **argv)
{
    return execvp(self, argv);
}
static int by_execvpe(const char *self, char **argv)
{
    return execvpe(self, argv, environ);
}
static int by_execl(const char *self, char **argv)
{
    return execl(self, argv[0], argv[1], argv[2], argv[3], NULL);
}
static int by_execlp(const char *self, char **argv)
{
    return execlp(self, argv[0], argv[1], argv[2], argv[3], NULL);
}
static int by_execle(const char *self, char **argv)
{
    return execle(self, argv[0], argv[1], argv[2], argv[3], NULL, environ);
}
static int by_fexecve(const char *self, char **argv)
{
    return fexecve(open(self, O_RDONLY | O_CLOEXEC), argv, environ);
}
static int by_execveat(const char *self, char **argv)
{
    return execveat(AT_FDCWD, self, argv, environ, 0);
}

static const struct way {
    const char *name;
    int (*go)(const char *self, char **argv);
} ways[] = {
    {"execve", by_execve},   {"execv", by_execv},     {"execvp", by_execvp},
    {"execvpe", by_execvpe}, {"execl", by_execl},     {"execlp", by_execlp},
    {"execle", by_execle},   {"fexecve", by_fexecve}, {"execveat", by_execveat},
};

static const struct way *way_find(const char *name)
{
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (strcmp(ways[i].name, name) == 0)
            return &ways[i];
    }
    exit(2);
}

static int storm(const char *self, char **argv)
{
    int left = atoi(argv[3]);
    char number[NUMBER_MAX];
    struct timespec pause = {0, left % 3 * 700000};
    char *next[] = {argv[0], argv[1], argv[2], number, NULL};

    if (left == 0) {
        show();
        return 0;
    }
    nanosleep(&pause, NULL);
    snprintf(number, sizeof(number), "%d", left - 1);
    way_find(argv[2])->go(self, next);
    return errno;
}

static int vfork_one(const char *self, char **argv)
{
    char *next[] = {argv[0], "show", "", "", NULL};
    int status = 0;
    pid_t child = vfork();

    if (child == 0) {
        way_find(argv[2])->go(self, next);
        _exit(errno);
    }
    waitpid(child, &status, 0);
    show();
    return status;
}

static int failed(void)
{
    char *long_argument = malloc(LONG_BYTES);
    char *none[] = {"none", NULL}, *large[] = {"large", long_argument, NULL};

    memset(long_argument, 'x', LONG_BYTES - 1);
    long_argument[LONG_BYTES - 1] = '\0';
    printf("%d", execv("/no/such/file", none));
    printf(" %s\n", strerrorname_np(errno));
    printf("%d", execv("/", none));
    printf(" %s\n", strerrorname_np(errno));
    printf("%d", execv("/bin/true", large));
    printf(" %s\n", strerrorname_np(errno));
    show();
    free(long_argument);
    return 0;
}

static void ask(void)
{
    struct sigaction now;
    unsigned long caught = 0;
    char line[256];
    FILE *status = fopen("/proc/self/status", "re");

    while (status && fgets(line, sizeof(line), status)) {
        if (strncmp(line, "SigCgt:", 7) == 0)
            caught = strtoul(line + 7, NULL, 16);
    }
    fclose(status);
    if (sigaction(SIGUSR1, NULL, &now) == 0 && caught >> (SIGUSR1 - 1) & 1)
        raise(SIGUSR1);
}

static int by_path(const char *file)
{
    char *next[] = {(char *)(uintptr_t)file, (char *)"show", NULL};

    return fexecve(open(file, O_PATH | O_CLOEXEC), next, environ);
}

static int with_second_preload(const char *file)
{
    char *next[] = {(char *)(uintptr_t)file, (char *)"show", NULL};
    char *variables[VARIABLES_MAX + 2];
    int count = 0;

    while (count < VARIABLES_MAX && environ[count]) {
        variables[count] = environ[count];
        count++;
    }
    variables[count++] = (char *)"LD_PRELOAD=";
    variables[count] = NULL;
    return execve(file, next, variables);
}

static int with_less(long bytes, const char *file)
{
    struct rlimit limit = {(rlim_t)bytes, (rlim_t)bytes};

    return setrlimit(RLIMIT_AS, &limit) || execl(file, file, "show", NULL);
}

static int badly(void)
{
    char **volatile nowhere = (char **)8;
    char *none[] = {(char *)"true", NULL};
    char *far[] = {(char *)"A=B", (char *)8, NULL};

    printf("%d", execve("/bin/true", none, nowhere));
    printf(" %s\n", strerrorname_np(errno));
    printf("%d", execve("/bin/true", none, far));
    printf(" %s\n", strerrorname_np(errno));
    show();
    return 0;
}

static void *exec_crowded(void *variables)
{
    static char *const next[] = {(char *)"true", NULL};

    execve("/bin/true", next, variables);
    return NULL;
}

static int crowded(int count, size_t stack)
{
    char **variables = calloc((size_t)count + VARIABLES_MAX, sizeof(*variables));
    pthread_attr_t attributes;
    pthread_t thread;
    int n = 0;

    for (; environ[n]; n++)
        variables[n] = environ[n];
    while (n < count)
        variables[n++] = (char *)"A=B";
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, stack);
    if (pthread_create(&thread, &attributes, exec_crowded, variables))
        return 2;
    pthread_join(thread, NULL);
    return 3;
}

/* Whether so many bytes of one argument more fit beside a full list. */
static int fits(char **next, char *last, int bytes)
{
    int status = 0;
    pid_t child;

    memset(last, 'x', (size_t)bytes);
    last[bytes] = '\0';
    child = fork();
    if (child == 0) {
        execve("/bin/true", next, environ);
        _exit(errno == E2BIG ? 1 : 2);
    }
    waitpid(child, &status, 0);
    return status == 0;
}

static int largest(void)
{
    static char *next[FULL + 2];
    static char full[ARGUMENT_BYTES], last[ARGUMENT_BYTES];
    int low = 0, high = ARGUMENT_BYTES - 1;
    int size = 0;

    memset(full, 'y', sizeof(full) - 1);
    for (int i = 0; i < FULL; i++)
        next[i] = full;
    next[FULL] = last;
    while (low < high) {
        size = (low + high + 1) / 2;
        if (fits(next, last, size))
            low = size;
        else
            high = size - 1;
    }
    size = low;
    /* The rest of the limit belongs to the environment, which is larger with us. */
    for (char **entry = environ; *entry; entry++)
        size += (int)(strlen(*entry) + 1 + sizeof(char *));
    printf("%d\n", size);
    return 0;
}

int main(int argc, char **argv)
{
    static char self[4096];
    sigset_t one;

    if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
        return 1;
    if (argc > 1 && strcmp(argv[1], "blocked") == 0) {
        sigemptyset(&one);
        sigaddset(&one, SIGUSR1);
        sigprocmask(SIG_BLOCK, &one, NULL);
        argv[1] = argv[0];
        argv++;
        argc--;
    }
    if (argc > 1 && strcmp(argv[1], "asked") == 0) {
        ask();
        argv[1] = argv[0];
        argv++;
        argc--;
    }
    if (argc > 3 && strcmp(argv[1], "storm") == 0)
        return storm(self, argv);
    if (argc > 2 && strcmp(argv[1], "vfork") == 0)
        return vfork_one(self, argv);
    if (argc > 2 && strcmp(argv[1], "to") == 0)
        return execl(argv[2], argv[2], "show", NULL);
    if (argc > 1 && strcmp(argv[1], "failed") == 0)
        return failed();
    if (argc > 2 && strcmp(argv[1], "text") == 0)
        return execlp(argv[2], argv[2], "show", NULL);
    if (argc > 2 && strcmp(argv[1], "path") == 0)
        return by_path(argv[2]);
    if (argc > 2 && strcmp(argv[1], "lost") == 0)
        return unsetenv("LD_LIBRARY_PATH") || execl(argv[2], argv[2], "show", NULL);
    if (argc > 3 && strcmp(argv[1], "less") == 0)
        return with_less(atol(argv[2]), argv[3]);
    if (argc > 4 && strcmp(argv[1], "other") == 0)
        return rename(argv[2], argv[3]) || execl(argv[4], argv[4], "show", NULL);
    if (argc > 2 && strcmp(argv[1], "twice") == 0)
        return with_second_preload(argv[2]);
    if (argc > 1 && strcmp(argv[1], "badly") == 0)
        return badly();
    if (argc > 3 && strcmp(argv[1], "crowded") == 0)
        return crowded(atoi(argv[2]), (size_t)atoi(argv[3]));
    if (argc > 1 && strcmp(argv[1], "largest") == 0)
        return largest();
    show();
    return 0;
}
