/* SPDX-License-Identifier: MIT */
/*
 * A program that was linked long ago: it asks for versions of functions that are
 * another function today. A file without #! is run by the shell for the one caller
 * and refused for the other; quick_exit ends thread-local objects or does not.
 *
 * hazard: A5, A6
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cases.h"

extern char **environ;
int __cxa_thread_atexit_impl(void (*end)(void *), void *object, void *module);
extern void *__dso_handle;

__typeof__(posix_spawn) spawn_older, spawnp_older;
__attribute__((noreturn)) void quick_exit_older(int status);
__asm__(".symver spawn_older, posix_spawn@GLIBC_2.2.5");
__asm__(".symver spawnp_older, posix_spawnp@GLIBC_2.2.5");
__asm__(".symver quick_exit_older, quick_exit@GLIBC_2.10");
__typeof__(glob) glob_older;
__typeof__(timer_create) timer_create_middle;
__typeof__(timer_delete) timer_delete_middle;
int timer_create_older(clockid_t clock, struct sigevent *event, int *ret_timer);
int timer_delete_older(int timer);
__asm__(".symver glob_older, glob@GLIBC_2.2.5");
__asm__(".symver timer_create_middle, timer_create@GLIBC_2.3.3");
__asm__(".symver timer_delete_middle, timer_delete@GLIBC_2.3.3");
__asm__(".symver timer_create_older, timer_create@GLIBC_2.2.5");
__asm__(".symver timer_delete_older, timer_delete@GLIBC_2.2.5");

static void spawn_bare_script(const char *name, __typeof__(posix_spawn) *spawn)
{
    char *const words[] = {"script", "word", NULL};
    int status = 0;
    pid_t child = 0;
    int error = spawn(&child, "./script", NULL, NULL, words, environ);

    if (!error)
        waitpid(child, &status, 0);
    printf("%s: %s, status %d\n", name, error == ENOEXEC ? "not a program" : "started",
           WEXITSTATUS(status));
    fflush(stdout);
}

static int run_older_spawn(void)
{
    static const char text[] = "echo a script; exit 5\n";
    int fd = open("script", O_CREAT | O_WRONLY | O_CLOEXEC, 0700);

    if (write(fd, text, sizeof(text) - 1) < 0)
        return 1;
    close(fd);
    spawn_bare_script("posix_spawn", posix_spawn);
    spawn_bare_script("posix_spawnp", posix_spawnp);
    spawn_bare_script("older posix_spawn", spawn_older);
    spawn_bare_script("older posix_spawnp", spawnp_older);
    return 0;
}

static unsigned asked;

static int own_lstat(const char *restrict path, struct stat *restrict facts)
{
    asked++;
    return lstat(path, facts);
}

static void *own_opendir(const char *path)
{
    return opendir(path);
}

static void own_closedir(void *directory)
{
    closedir(directory);
}

static struct dirent *own_readdir(void *directory)
{
    return readdir(directory);
}

/* A caller of the older one has not set gl_lstat. */
static int run_older_glob(void)
{
    __typeof__(glob) *const globs[] = {glob, glob_older};

    for (int i = 0; i < 2; i++) {
        glob_t found = {.gl_opendir = own_opendir,
                        .gl_closedir = own_closedir,
                        .gl_readdir = own_readdir,
                        .gl_stat = stat,
                        .gl_lstat = own_lstat};
        int result = globs[i]("/etc/passwd", GLOB_ALTDIRFUNC, NULL, &found);

        printf("%d: %zu, asked %u times\n", result, found.gl_pathc, asked);
        globfree(&found);
    }
    return 0;
}

static int run_older_timers(void)
{
    struct sigevent none = {.sigev_notify = SIGEV_NONE};

    for (int i = 0; i < 3; i++) {
        int older = -1;
        timer_t present, middle;

        printf("%d ", timer_create_older(CLOCK_REALTIME, &none, &older));
        printf("%d %d ", older, timer_create(CLOCK_REALTIME, &none, &present));
        printf("%d ", timer_create_middle(CLOCK_REALTIME, &none, &middle));
        printf("%d %d %d ", timer_delete_older(older), timer_delete(present),
               timer_delete_middle(middle));
        printf("%d\n", timer_delete_older(older) < 0 && errno == EINVAL);
    }
    return 0;
}

static void tell_end(void *name)
{
    dprintf(STDOUT_FILENO, "%s ended\n", (const char *)name);
}

static int run_older_quick_exit(void)
{
    __cxa_thread_atexit_impl(tell_end, "a thread-local object", &__dso_handle);
    quick_exit_older(6);
}

static int run_quick_exit(void)
{
    __cxa_thread_atexit_impl(tell_end, "a thread-local object", &__dso_handle);
    quick_exit(6);
}

static const struct hazard_case cases[] = {
    {"older_spawn", run_older_spawn},   {"older_glob", run_older_glob},
    {"older_timers", run_older_timers}, {"older_quick_exit", run_older_quick_exit},
    {"quick_exit", run_quick_exit},
};

int main(int argc, char **argv)
{
    return RUN_CASES(cases, argc, argv);
}
