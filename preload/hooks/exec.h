/* SPDX-License-Identifier: MIT */
/*
 * What a program that is about to be started gets: its environment, and over an
 * exec the tracker's signals.
 *
 * A program of another ELF class, or with another libc's loader, does not start
 * when LD_PRELOAD names our library (musl: "invalid ELF header"; hazards.md
 * C11). So the file is looked at first, and for such a program our name is
 * taken out of LD_PRELOAD.
 *
 * From the moment of an exec until the new program's tracker has its handlers a
 * request (outlets/trigger.h) would end the process, for nobody handles the signal.
 * So once a request has come, and where it is sure that the new program will have a
 * tracker, the signals are blocked before, and stay pending. A variable names those
 * that were not blocked before, and the tracker unblocks them (signals_unshield) and
 * takes the variable out again, before main. Constructors of libraries find both, and
 * that is why whoever was never asked is never shielded: `ctxtrace snapshot` does not
 * ask a program that has no handler, so that the first request is safe but for the
 * moment between its look and its signal. Where it is not sure nothing is done.
 *
 * Everybody else gets the environment untouched.
 *
 * All of it works in the child of a vfork: on the caller's stack, with raw
 * system calls, without a table.
 */
#ifndef HOOKS_EXEC_H
#define HOOKS_EXEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exec_target {
    const char *file; /* NULL: `descriptor` itself */
    bool search;      /* along PATH, when there is no slash in it */
    bool shell;       /* /bin/sh gets what the kernel does not know as a program */
    bool is_open;     /* by descriptor: fexecve, execveat */
    int descriptor;   /* is_open: the file, or the directory that `file` is in */
};

/* What becomes of us in a program that is started with LD_PRELOAD naming us. */
enum exec_fit {
    EXEC_UNKNOWN, /* it may be static, or gain privileges, or cannot be read */
    EXEC_TEXT,    /* nothing that the kernel starts: of no meaning to others */
    EXEC_FOREIGN, /* it would not start */
    EXEC_SURE,    /* the tracker will be there when its main is called */
};
/* `surely`: what EXEC_SURE takes is looked at, too; else it is EXEC_UNKNOWN. */
enum exec_fit exec_fit_of(const struct exec_target *target, bool surely);
/* Whether there is such a file, which may be started. */
bool exec_target_is_there(const struct exec_target *target);

struct exec_plan {
    size_t entries;    /* variables in the environment */
    size_t preload_at; /* which of them is an LD_PRELOAD that names us; else `entries` */
    bool strip;        /* us from it */
    bool warned;       /* pass on what was said of bad options */
    char *kept;        /* a variable of exec_keep, or NULL */
    uint64_t shield;   /* signals that are blocked until the new tracker is ready */
    uint64_t lifted;   /* signals that were, and would be for ever */
    size_t bytes;      /* what exec_environment_make needs; 0: `envp` itself will do */
};

/* For a new process. */
void exec_plan_start(struct exec_plan *ret_plan, const struct exec_target *target,
                     char *const envp[]);
/* For this one: as the last thing before the real call, since it blocks. */
void exec_plan_replace(struct exec_plan *ret_plan, const struct exec_target *target,
                       char *const envp[]);
/* The call has failed. */
void exec_plan_undo(struct exec_plan *plan);

/* The environment as planned, in `space`. */
char *const *exec_environment_make(const struct exec_plan *plan, char *const envp[], void *space);

/* An LD_PRELOAD's list: `to` (or NULL) gets it without us; whether we were in it. */
#define EXEC_PRELOAD "LD_PRELOAD"
bool exec_preload_filter(const char *list, char *to);
/* Whether the next loader finds us by it. */
bool exec_preload_found(const char *list);

/* As a macro, since the space must live until the real call. */
#define EXEC_ENVIRONMENT(plan, envp)                                                               \
    ((plan)->bytes ? exec_environment_make((plan), (envp), __builtin_alloca((plan)->bytes))        \
                   : (envp))

struct call_site;
struct hook;

/* D21: what a program that has been started, or is about to replace this one, has open.
 * The stack of the call, for exec_leaks_none: it has failed. */
uint32_t exec_leaks_look(struct hook *hook, const struct call_site *site);
void exec_leaks_none(uint32_t stack);

/* An exec is no new process: what this program was warned of the next one is
 * not. The tracker takes the variable out again before the program runs. */
#define EXEC_WARNED "CTXTRACE_WARNED"

/* At the program's start: how the loader found us is how it will find us again. */
void exec_own_start(char **envp);

/* This process's next programs get `entry`, "NAME=VALUE"; those of its children do not.
 * Copied: some programs write their titles over what they were started with. */
void exec_keep(const char *entry);

/* children=skip, at the program's start: takes us out of its environment for
 * good. Every way of starting a program is covered (system and popen start
 * theirs inside libc), at the price that the program sees an LD_PRELOAD without
 * us: whoever asks for this option asks for that. */
void exec_skip_children(char **envp);

#endif
