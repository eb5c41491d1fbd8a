/* SPDX-License-Identifier: MIT */
/*
 * Starts a shell script in every way there is, one after the other.
 *
 *     hazards_children SCRIPT
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static char *command[4] = {"sh", NULL, NULL, NULL};

static void await(pid_t child)
{
    int status = 0;

    if (child <= 0 || waitpid(child, &status, 0) != child || status)
        printf("failed with %d\n", status);
}

static void tell(const char *way)
{
    printf("%s: ", way);
    fflush(stdout);
}

static void start_by_fork(void)
{
    pid_t child;

    tell("fork and execv");
    child = fork();
    if (child == 0) {
        execv("/bin/sh", command);
        _exit(1);
    }
    await(child);
    tell("fork and execvp");
    child = fork();
    if (child == 0) {
        execvp("sh", command);
        _exit(1);
    }
    await(child);
}

static void start_by_vfork(void)
{
    pid_t child;

    tell("vfork and execve");
    child = vfork();
    if (child == 0) {
        execve("/bin/sh", command, environ);
        _exit(1);
    }
    await(child);
}

static void start_by_spawn(void)
{
    pid_t child = 0;

    tell("posix_spawn");
    if (posix_spawn(&child, "/bin/sh", NULL, NULL, command, environ) == 0)
        await(child);
    tell("posix_spawnp");
    if (posix_spawnp(&child, "sh", NULL, NULL, command, environ) == 0)
        await(child);
}

static void start_by_shell(void)
{
    char line[4096];
    FILE *pipe;

    tell("system");
    if (system(command[1]))
        puts("failed");
    tell("popen");
    pipe = popen(command[1], "re");
    while (pipe && fgets(line, sizeof(line), pipe))
        fputs(line, stdout);
    if (pipe)
        pclose(pipe);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 64;
    command[1] = argv[1];
    start_by_fork();
    start_by_vfork();
    start_by_spawn();
    start_by_shell();
    return 0;
}
