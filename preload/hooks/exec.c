/* SPDX-License-Identifier: MIT */
/*
 * exec: the end of a program that is no end of its process. It is told before
 * the call, and taken back when the call returns. In the child of a vfork
 * nothing is told; the environment is looked after everywhere.
 *
 * The names that programs call are in exit_x86_64.S, which notes the caller's frame
 * (facts/departure.h) and jumps here.
 */
#include "preload/hooks/exec.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "preload/facts/departure.h"
#include "preload/ground/config.h"
#include "preload/ground/sys.h"
#include "preload/hooks/family.h"

struct exec_telling {
    bool told;
    uint32_t leaks; /* exec_leaks_look */
};

/* Whether anything will be preloaded. Read as the kernel reads it: an environment that
 * cannot be read is an EFAULT, and not a fault. */
static bool is_followed(char *const envp[])
{
    static const char name[] = EXEC_PRELOAD "=";
    const char *entry;
    char start[sizeof name - 1];
    for (; envp && sys_peek(envp, &entry, sizeof entry) && entry; envp++)
        if (sys_peek(entry, start, sizeof start) &&
            __builtin_memcmp(start, name, sizeof start) == 0)
            return true;
    return false;
}

static struct exec_telling exec_told(struct hook *hook, const struct call_site *site,
                                     uintptr_t frame, const char *path,
                                     const struct exec_target *target, char *const envp[])
{
    struct exec_telling telling = {.leaks = STACK_NONE};
    if (config.exec_leaks && exec_target_is_there(target))
        telling.leaks = exec_leaks_look(hook, site);
    telling.told = guard_may_record(frame);
    if (telling.told)
        NOTIFY(exec, path, *config.state && is_followed(envp));
    return telling;
}

static void exec_returned(struct exec_plan *plan, struct exec_telling telling)
{
    exec_plan_undo(plan);
    exec_leaks_none(telling.leaks);
    if (!guard_is_vforked())
        departure_forget();
    if (telling.told)
        NOTIFY(exec_failed);
}

/* By what we added, perhaps: then it is due again without that. */
static bool exec_was_too_large(struct exec_plan *plan)
{
    if (errno != E2BIG || !plan->bytes || plan->strip)
        return false;
    exec_plan_undo(plan);
    return true;
}

/* `args` of the real call may name `environment`. */
#define EXEC_BODY(function, path, envp, args, ...)                                                 \
    struct exec_target target = {__VA_ARGS__};                                                     \
    struct exec_plan plan;                                                                         \
    struct call_site site = CALL_SITE();                                                           \
    struct exec_telling telling =                                                                  \
        exec_told(&hook_##function, &site, GUARD_FRAME(), path, &target, envp);                    \
    exec_plan_replace(&plan, &target, envp);                                                       \
    char *const *environment = EXEC_ENVIRONMENT(&plan, envp);                                      \
    int result = REAL(function) args;                                                              \
    if (exec_was_too_large(&plan)) {                                                               \
        environment = envp;                                                                        \
        result = REAL(function) args;                                                              \
    }                                                                                              \
    exec_returned(&plan, telling);                                                                 \
    return result

/* With the prototype that libc's header gives it. */
#define DEPARTING(function)                                                                        \
    __typeof__(function) departing_##function;                                                     \
    int departing_##function

/* The forms with a list of arguments, or with the process's own environment,
 * come down to these. */
HOOK(execve);
HOOK(execvpe);
HOOK(fexecve);
HOOK(execveat);

DEPARTING(execve)(const char *path, char *const argv[], char *const envp[])
{
    EXEC_BODY(execve, path, envp, (path, argv, environment), .file = path);
}

DEPARTING(execv)(const char *path, char *const argv[])
{
    EXEC_BODY(execve, path, environ, (path, argv, environment), .file = path);
}

DEPARTING(execvpe)(const char *file, char *const argv[], char *const envp[])
{
    EXEC_BODY(execvpe, file, envp, (file, argv, environment), .file = file, .search = true,
              .shell = true);
}

DEPARTING(execvp)(const char *file, char *const argv[])
{
    EXEC_BODY(execvpe, file, environ, (file, argv, environment), .file = file, .search = true,
              .shell = true);
}

DEPARTING(fexecve)(int fd, char *const argv[], char *const envp[])
{
    EXEC_BODY(fexecve, NULL, envp, (fd, argv, environment), .is_open = true, .descriptor = fd);
}

DEPARTING(execveat)
(int directory, const char *path, char *const argv[], char *const envp[], int flags)
{
    EXEC_BODY(execveat, path, envp, (directory, path, argv, environment, flags), .file = path,
              .is_open = true, .descriptor = directory);
}

/* ---- arguments one by one: gathered on the stack, however many (A20) ---- */

/* Not inlined: the prototypes of exec say that `first` is not NULL, and some
 * callers pass an empty list all the same. */
__attribute__((noinline)) static size_t arguments_count(const char *first, va_list more)
{
    if (!first)
        return 0;
    size_t count = 1;
    while (va_arg(more, char *))
        count++;
    return count;
}

/* In order, with the NULL; returns what follows it when `has_environment`. */
static char *const *arguments_gather(const char *first, va_list more, size_t count, char **argv,
                                     bool has_environment)
{
    argv[0] = (char *)(uintptr_t)first;
    for (size_t i = 1; i <= count; i++)
        argv[i] = va_arg(more, char *);
    return has_environment ? va_arg(more, char *const *) : environ;
}

#define EXEC_LIST(function, real, has_environment, ...)                                            \
    DEPARTING(function)(const char *path, const char *first, ...)                                  \
    {                                                                                              \
        va_list more, again;                                                                       \
        va_start(more, first);                                                                     \
        va_copy(again, more);                                                                      \
        size_t count = arguments_count(first, more);                                               \
        char **argv = __builtin_alloca((count + 1) * sizeof *argv);                                \
        char *const *envp = arguments_gather(first, again, count, argv, has_environment);          \
        va_end(again);                                                                             \
        va_end(more);                                                                              \
        EXEC_BODY(real, path, envp, (path, argv, environment), __VA_ARGS__);                       \
    }

EXEC_LIST(execl, execve, false, .file = path)
EXEC_LIST(execle, execve, true, .file = path)
EXEC_LIST(execlp, execvpe, false, .file = path, .search = true, .shell = true)
