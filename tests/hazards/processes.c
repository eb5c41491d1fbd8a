/* SPDX-License-Identifier: MIT */
/*
 * Hazards of processes: fork beside busy threads, fork without handlers, vfork,
 * daemons, exec that fails, and waits that must not meet a child of ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cases.h"

enum { BUSY_THREADS = 4, FORKS = 60, CHILD_STATUS = 5 };

extern char **environ;
static volatile int enough;

static void work_a_little(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    FILE *stream = fopen("/dev/null", "re");

    free(malloc(200));
    if (stream)
        fclose(stream);
    close(fd);
}

static void *stay_busy(void *unused)
{
    while (!enough)
        work_a_little();
    return unused;
}

/* hazard: C1, C2: fork beside busy threads, with handlers that acquire. */
static int run_fork_storm(void)
{
    pthread_t threads[BUSY_THREADS];
    int good = 0;

    pthread_atfork(work_a_little, work_a_little, work_a_little);
    for (int i = 0; i < BUSY_THREADS; i++)
        pthread_create(&threads[i], NULL, stay_busy, NULL);
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        int status = 0;

        if (child == 0) {
            work_a_little();
            _exit(CHILD_STATUS);
        }
        waitpid(child, &status, 0);
        good += WIFEXITED(status) && WEXITSTATUS(status) == CHILD_STATUS;
    }
    enough = 1;
    for (int i = 0; i < BUSY_THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("%d children\n", good);
    return 0;
}

static int collect(pid_t child)
{
    int status = 0;

    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

/* hazard: C3: fork without handlers: raw and by _Fork. */
static int run_raw_fork(void)
{
    pid_t child = (pid_t)syscall(SYS_fork);

    if (child == 0) {
        work_a_little();
        exit(CHILD_STATUS);
    }
    printf("raw %d\n", collect(child));
    fflush(stdout);
    child = _Fork();
    if (child == 0) {
        work_a_little();
        _exit(CHILD_STATUS);
    }
    printf("_Fork %d\n", collect(child));
    return 0;
}

/* hazard: C5, 0.5: what a vfork child closes is closed in the child alone. */
static int run_vfork(void)
{
    int fd = open("/etc/passwd", O_RDONLY);
    char byte = 0;
    int sum = 0;
    pid_t child;

    for (int i = 0; i < FORKS; i++) {
        child = vfork();
        if (child == 0) {
            for (int n = 3; n < 10; n++)
                close(n);
            _exit(CHILD_STATUS);
        }
        sum += collect(child);
    }
    child = vfork();
    if (child == 0) {
        execl("/bin/echo", "echo", "out of vfork", (char *)NULL);
        _exit(1);
    }
    sum += collect(child);
    printf("%d %d\n", sum, (int)read(fd, &byte, 1));
    close(fd);
    return 0;
}

/* hazard: C6: spawn, system and popen make their children inside libc. */
static int run_spawn(void)
{
    char *const words[] = {"sh", "-c", "exit 5", NULL};
    char line[32] = "";
    FILE *pipe;
    pid_t child;

    printf("spawn %d", posix_spawn(&child, "/bin/sh", NULL, NULL, words, environ));
    printf(" %d\n", collect(child));
    fflush(stdout);
    printf("system %d\n", WEXITSTATUS(system("exit 6")));
    pipe = popen("echo from the pipe", "re");
    if (!fgets(line, sizeof(line), pipe))
        return 1;
    printf("%spclose %d\n", line, pclose(pipe));
    return 0;
}

/* hazard: C9: an exec that fails: the program goes on, its holdings too. */
static int run_failed_exec(void)
{
    char *const words[] = {"nothing", NULL};
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    char byte;

    printf("%d", execv("/nonexistent", words));
    printf(" %d", errno == ENOENT);
    printf(" %d\n", (int)read(fd, &byte, 1));
    close(fd);
    return 0;
}

/* hazard: C15, F4: nobody's child is here but the program's own. */
static int run_wait_all(void)
{
    if (fork() == 0)
        _exit(0);
    printf("%d", waitpid(-1, NULL, __WALL) > 0);
    printf(" %d", (int)waitpid(-1, NULL, __WALL));
    printf(" %d\n", errno == ECHILD);
    return 0;
}

/* hazard: C4: the double fork of a daemon; the middle ends by _exit. */
static int run_daemon(void)
{
    int ends[2];
    char word[8] = "";

    if (pipe(ends))
        return 1;
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            work_a_little();
            (void)!write(ends[1], "daemon", 6);
            exit(0);
        }
        _exit(0);
    }
    wait(NULL);
    close(ends[1]);
    (void)!read(ends[0], word, sizeof(word) - 1);
    /* The end of the pipe comes when the last of them is gone. */
    printf("%s %d\n", word, (int)read(ends[0], word, 1));
    close(ends[0]);
    return 0;
}

static const struct hazard_case cases[] = {
    {"fork_storm", run_fork_storm}, {"raw_fork", run_raw_fork},       {"vfork", run_vfork},
    {"spawn", run_spawn},           {"failed_exec", run_failed_exec}, {"all_waits", run_wait_all},
    {"daemon", run_daemon},
};

int main(int argc, char **argv)
{
    return RUN_CASES(cases, argc, argv);
}
