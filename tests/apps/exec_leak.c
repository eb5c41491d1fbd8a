/* SPDX-License-Identifier: MIT */
/*
 * Starts a program with a descriptor open that it should not have, one that it should, and
 * one that is closed for it: exec_leak fork|vfork|spawn|system|exec. Options: exec_leaks=1.
 * By "nothing" it starts none, though it tries.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char *const words[] = {(char *)"true", NULL};

__attribute__((noinline)) static int open_plain(void)
{
    return open("/dev/null", O_RDONLY);
}

__attribute__((noinline)) static int open_closing(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

__attribute__((noinline)) static int open_closed(void)
{
    return open("/dev/null", O_RDONLY);
}

static void become_true(int closed)
{
    close(closed);
    execv("/nowhere", words);
    execv("/bin/true", words);
    _exit(1);
}

static int start_nothing(void)
{
    pid_t child = -1;

    posix_spawn(&child, "/nowhere", NULL, NULL, words, environ);
    posix_spawnp(&child, "no-such-program", NULL, NULL, words, environ);
    execvp("no-such-program", words);
    execv("/etc/passwd", words);
    execv("/", words);
    return system(NULL) == 0;
}

int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "";
    int closed = open_closed();
    pid_t child = 0;

    open_plain();
    open_closing();
    if (strcmp(way, "nothing") == 0)
        return start_nothing();
    if (strcmp(way, "fork") == 0 && (child = fork()) == 0)
        become_true(closed);
    if (strcmp(way, "vfork") == 0 && (child = vfork()) == 0)
        become_true(closed);
    if (child == 0)
        close(closed);
    if (strcmp(way, "spawn") == 0)
        posix_spawn(&child, "/bin/true", NULL, NULL, words, environ);
    if (strcmp(way, "system") == 0)
        return system("true");
    if (strcmp(way, "exec") == 0)
        return execl("/bin/sh", "sh", "-c", "cd /proc/self/fd && echo *[!012]", NULL);
    return child > 0 && waitpid(child, NULL, 0) < 0;
}
