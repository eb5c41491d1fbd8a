/* SPDX-License-Identifier: MIT */
/*
 * See live_refusal.h. The kernel says EPERM or EACCES for all of it, so it is asked about one
 * cause after another.
 */
#include "live_refusal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 96, PID_ROOM = 16, CAPABILITY_PTRACE = 19 };

/* The number behind "Key:" in /proc/PID/status, or `fallback`. */
static unsigned long long status_number(const char *pid, const char *key, int base,
                                        unsigned long long fallback)
{
    char path[PATH_ROOM];
    char line[256];
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%s/status", pid);
    file = fopen(path, "re");
    if (!file)
        return fallback;
    while (fgets(line, sizeof(line), file)) {
        if (strncmp(line, key, strlen(key)) == 0) {
            fallback = strtoull(line + strlen(key), NULL, base);
            break;
        }
    }
    fclose(file);
    return fallback;
}

static bool may_trace_all(void)
{
    return status_number("self", "CapEff:", 16, 0) >> CAPABILITY_PTRACE & 1;
}

static int yama_scope(void)
{
    FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
    int scope = 0;

    if (!file)
        return 0;
    if (fscanf(file, "%d", &scope) != 1)
        scope = 0;
    fclose(file);
    return scope;
}

static bool user_namespace_differs(const char *pid)
{
    char path[PATH_ROOM];
    struct stat own, other;

    snprintf(path, sizeof(path), "/proc/%s/ns/user", pid);
    return stat("/proc/self/ns/user", &own) == 0 && stat(path, &other) == 0 &&
           own.st_ino != other.st_ino;
}

/* The kernel gives the files of a process that may not be dumped to root. */
static bool is_undumpable(const struct process_facts *process)
{
    char path[PATH_ROOM];
    struct stat facts;

    snprintf(path, sizeof(path), "/proc/%d/stat", process->living);
    return stat(path, &facts) == 0 && facts.st_uid != process->euid;
}

bool live_tracer_find(const struct process_facts *process, char *ret, size_t room)
{
    struct process_facts tracer;
    char pid[PID_ROOM];
    pid_t number;

    snprintf(pid, sizeof(pid), "%d", process->living);
    number = (pid_t)status_number(pid, "TracerPid:", 10, 0);
    if (number && process_facts_read(&tracer, number) == 0)
        snprintf(ret, room, "%s (pid %d)", tracer.name, number);
    else if (number)
        snprintf(ret, room, "process %d", number);
    return number != 0;
}

void live_refusal_explain(const struct process_facts *process, int error, char *ret, size_t room)
{
    static const char *const yama[] = {
        NULL,
        "is not our child, and kernel.yama.ptrace_scope is 1: run this as root, or set it to 0",
        "kernel.yama.ptrace_scope is 2: only root may look into processes",
        "kernel.yama.ptrace_scope is 3: nobody may look into processes until the next boot",
    };
    int scope = yama_scope();
    char pid[PID_ROOM];
    char tracer[PROCESS_NAME_ROOM + PATH_ROOM];

    snprintf(pid, sizeof(pid), "%d", process->living ? process->living : process->pid);
    if (live_tracer_find(process, tracer, sizeof(tracer)))
        snprintf(ret, room,
                 "is traced by %s, and there may be but one tracer: threads could not be "
                 "stopped",
                 tracer);
    else if (error == ESRCH)
        snprintf(ret, room, "%s", "has no memory: it is ending, or a kernel thread");
    else if (process->euid != geteuid() && !may_trace_all())
        snprintf(ret, room, "belongs to another user (uid %u): run this as that user, or as root",
                 process->euid);
    else if (is_undumpable(process) && !may_trace_all())
        snprintf(ret, room, "%s",
                 "may not be looked into by its own user (setuid, or PR_SET_DUMPABLE is 0): run "
                 "this as root");
    else if (scope >= 1 && scope <= 3 && (scope == 3 || !may_trace_all()))
        snprintf(ret, room, "%s", yama[scope]);
    else if (user_namespace_differs(pid) && !may_trace_all())
        snprintf(ret, room, "%s",
                 "is in another user namespace (a container): run this in there, "
                 "or as root outside");
    else if (status_number("self", "Seccomp:", 10, 0))
        snprintf(ret, room,
                 "may not be looked into from here: system calls of this very command "
                 "are filtered (seccomp; a container without CAP_SYS_PTRACE?): %s",
                 strerror(error));
    else
        snprintf(ret, room, "may not be looked into: %s", strerror(error));
}
