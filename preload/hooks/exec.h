/* SPDX-License-Identifier: MIT */
/*
 * What a program that is about to be started gets for an environment.
 *
 * A program of another ELF class, or with another libc's loader, does not start
 * when LD_PRELOAD names our library (musl: "invalid ELF header"; hazards.md
 * C11). So the file is looked at first, and for such a program our name is
 * taken out of LD_PRELOAD. Everybody else gets the environment untouched.
 *
 * All of it works in the child of a vfork: on the caller's stack, with raw
 * system calls, without a table.
 */
#ifndef HOOKS_EXEC_H
#define HOOKS_EXEC_H

#include <stdbool.h>
#include <stddef.h>

struct exec_target {
    const char *file; /* NULL: `descriptor` itself */
    bool search;      /* along PATH, when there is no slash in it */
    bool is_open;     /* by descriptor: fexecve, execveat */
    int descriptor;   /* is_open: the file, or the directory that `file` is in */
};

struct exec_strip {
    size_t entries; /* variables in the environment */
    size_t at;      /* which of them is LD_PRELOAD */
    size_t bytes;   /* what exec_strip_make needs */
};

/* Whether `target` must be started without us. */
bool exec_strip_plan(struct exec_strip *ret_strip, const struct exec_target *target,
                     char *const envp[]);
/* The environment without us, in `space`. */
char *const *exec_strip_make(const struct exec_strip *strip, char *const envp[], void *space);

/* As a macro, since the space must live until the real call. */
#define EXEC_ENVIRONMENT(target, envp)                                                             \
    ({                                                                                             \
        struct exec_strip strip;                                                                   \
        exec_strip_plan(&strip, (target), (envp))                                                  \
            ? exec_strip_make(&strip, (envp), __builtin_alloca(strip.bytes))                       \
            : (envp);                                                                              \
    })

/* An exec is no new process: what this program was warned of the next one is
 * not. The tracker takes the variable out again before the program runs. */
#define EXEC_WARNED "CTXTRACE_WARNED"
size_t exec_warned_bytes(char *const envp[]); /* 0: nothing to pass on */
char *const *exec_warned_make(char *const envp[], void *space);

#define EXEC_WARNED_ENVIRONMENT(envp)                                                              \
    ({                                                                                             \
        char *const *given = (envp);                                                               \
        size_t bytes = exec_warned_bytes(given);                                                   \
        bytes ? exec_warned_make(given, __builtin_alloca(bytes)) : given;                          \
    })

/* children=skip, at the program's start: takes us out of its environment for
 * good. Every way of starting a program is covered (system and popen start
 * theirs inside libc), at the price that the program sees an LD_PRELOAD without
 * us: whoever asks for this option asks for that. */
void exec_skip_children(char **envp);

#endif
