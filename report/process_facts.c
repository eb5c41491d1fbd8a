/* SPDX-License-Identifier: MIT */
/*
 * Small readers of /proc. Names in it may hold anything (spaces, brackets,
 * newlines), so /proc/PID/stat is parsed from its last bracket on. When a main
 * thread has ended, /proc/PID says 'Z' and has no maps, files or environment any
 * more, while other threads go on: they are read through one of those.
 */
#include "process_facts.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "preload/format.h"

#define PROC_PATH_ROOM    64
#define STAT_START_FIELD  22 /* proc(5) */
#define STAT_STATE_FIELD  3
#define STAT_BYTES_MAX    4096
#define ENVIRON_BYTES_MAX (4 * 1024 * 1024)

static FILE *proc_open(pid_t pid, const char *name)
{
    char path[PROC_PATH_ROOM];

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    return fopen(path, "re");
}

static int stat_read(struct process_facts *ret, pid_t pid)
{
    char text[STAT_BYTES_MAX + 1];
    FILE *file = proc_open(pid, "stat");
    char *open;
    char *close;
    size_t bytes;

    if (!file)
        return errno == ENOENT ? -ESRCH : -errno;
    bytes = fread(text, 1, STAT_BYTES_MAX, file);
    fclose(file);
    text[bytes] = 0;
    open = strchr(text, '(');
    close = strrchr(text, ')');
    if (!open || !close || close < open)
        return -ESRCH; /* it ended while we read */
    snprintf(ret->name, sizeof(ret->name), "%.*s", (int)(close - open - 1), open + 1);
    close += 2;
    ret->state = *close;
    for (int field = STAT_STATE_FIELD; close && field < STAT_START_FIELD; field++) {
        close = strchr(close, ' ');
        close = close ? close + 1 : NULL;
    }
    ret->start_ticks = close ? strtoull(close, NULL, 10) : 0;
    return 0;
}

static int status_read(struct process_facts *ret, pid_t pid)
{
    FILE *file = proc_open(pid, "status");
    char line[256];

    if (!file)
        return errno == ENOENT ? -ESRCH : -errno;
    ret->seccomp = -1;
    while (fgets(line, sizeof(line), file)) {
        const struct {
            const char *key;
            uint64_t *value;
        } masks[] = {
            {"SigBlk:", &ret->signals_blocked},
            {"SigIgn:", &ret->signals_ignored},
            {"SigCgt:", &ret->signals_caught},
        };

        for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
            if (strncmp(line, masks[i].key, strlen(masks[i].key)) == 0)
                *masks[i].value = strtoull(line + strlen(masks[i].key), NULL, 16);
        }
        sscanf(line, "Uid: %u %u", &ret->uid, &ret->euid);
        sscanf(line, "Seccomp: %d", &ret->seccomp);
    }
    fclose(file);
    return 0;
}

static bool has_ended(const struct process_facts *task)
{
    return task->state == 'Z' || task->state == 'X';
}

/* Calls `look` for each thread until it returns true. */
static bool thread_find(pid_t pid, bool (*look)(pid_t tid, void *arg), void *arg)
{
    char name[PROC_PATH_ROOM];
    struct dirent *entry;
    bool found = false;
    DIR *dir;

    snprintf(name, sizeof(name), "/proc/%d/task", pid);
    dir = opendir(name);
    while (dir && !found && (entry = readdir(dir))) {
        pid_t tid = pid_parse(entry->d_name);

        found = tid > 0 && look(tid, arg);
    }
    if (dir)
        closedir(dir);
    return found;
}

static bool lives_look(pid_t tid, void *arg)
{
    struct process_facts *facts = arg;
    struct process_facts task;

    if (stat_read(&task, tid) < 0 || has_ended(&task))
        return false;
    facts->living = tid;
    facts->state = task.state;
    facts->signals_blocked = UINT64_MAX; /* the main thread takes none */
    return true;
}

int process_facts_read(struct process_facts *ret, pid_t pid)
{
    struct process_facts facts = {.pid = pid};
    int error = stat_read(&facts, pid);

    if (!error)
        error = status_read(&facts, pid);
    if (!error && !has_ended(&facts))
        facts.living = pid;
    else if (!error)
        thread_find(pid, lives_look, &facts);
    if (!error)
        *ret = facts;
    return error;
}

double process_uptime(const struct process_facts *facts)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9 -
           (double)facts->start_ticks / (double)sysconf(_SC_CLK_TCK);
}

int process_fds_count(const struct process_facts *process)
{
    char path[PROC_PATH_ROOM];
    struct dirent *entry;
    int count = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/fd", process->living);
    dir = opendir(path);
    if (!dir)
        return -1;
    while ((entry = readdir(dir)))
        count += isdigit((unsigned char)entry->d_name[0]) != 0;
    closedir(dir);
    return count;
}

/* While a thread waits in sigwait the kernel says that it does not block what it waits for. */
static bool takes_by_hand(pid_t tid)
{
    return process_doing(tid) == PROCESS_SIGWAITS;
}

enum process_doing process_doing(pid_t tid)
{
    FILE *file = proc_open(tid, "syscall");
    char word[32] = "";

    if (!file)
        return PROCESS_UNKNOWN;
    if (fscanf(file, "%31s", word) != 1) /* its end, or no permission */
        word[0] = 0;
    fclose(file);
    if (!word[0])
        return PROCESS_UNKNOWN;
    if (strcmp(word, "running") == 0)
        return PROCESS_RUNS;
    long number = strtol(word, NULL, 10);
    if (number == SYS_rt_sigtimedwait)
        return PROCESS_SIGWAITS;
    return number == SYS_execve || number == SYS_execveat ? PROCESS_REPLACES : PROCESS_WAITS;
}

static bool takes_look(pid_t tid, void *arg)
{
    const int *number = arg;
    struct process_facts task;

    return stat_read(&task, tid) == 0 && !has_ended(&task) && status_read(&task, tid) == 0 &&
           !(task.signals_blocked >> (*number - 1) & 1) && !takes_by_hand(tid);
}

bool process_takes(const struct process_facts *process, int number)
{
    return thread_find(process->pid, takes_look, &number);
}

enum tracker_presence process_tracker(const struct process_facts *process)
{
    FILE *file = proc_open(process->living, "maps");
    enum tracker_presence presence = TRACKER_ABSENT;
    char *line = NULL;
    size_t room = 0;

    if (!file)
        return TRACKER_UNKNOWN;
    errno = 0;
    while (presence == TRACKER_ABSENT && getline(&line, &room, file) > 0) {
        const char *name = strrchr(line, '/');

        if (name && strncmp(name + 1, TRACKER_SONAME, strlen(TRACKER_SONAME)) == 0)
            presence = TRACKER_LOADED;
    }
    if (ferror(file))
        presence = TRACKER_UNKNOWN;
    free(line);
    fclose(file);
    return presence;
}

char *process_environment(const struct process_facts *process, const char *name)
{
    FILE *file = proc_open(process->living, "environ");
    size_t length = strlen(name);
    char *entry = NULL;
    char *found = NULL;
    size_t room = 0;
    size_t total = 0;
    ssize_t bytes;

    if (!file)
        return NULL;
    while (!found && total < ENVIRON_BYTES_MAX && (bytes = getdelim(&entry, &room, 0, file)) > 0) {
        total += (size_t)bytes;
        if (strncmp(entry, name, length) == 0 && entry[length] == '=')
            found = strdup(entry + length + 1);
    }
    free(entry);
    fclose(file);
    return found;
}

pid_t pid_parse(const char *text)
{
    char *end;
    long pid;

    errno = 0;
    pid = strtol(text, &end, 10);
    return errno || end == text || *end || pid <= 0 || pid > INT_MAX ? 0 : (pid_t)pid;
}

bool option_text_find(const char *options, const char *key, char *ret_value, size_t room)
{
    size_t key_length = strlen(key);
    bool found = false;

    while (options && *options) {
        size_t length = strcspn(options, ":");

        if (length > key_length && strncmp(options, key, key_length) == 0 &&
            options[key_length] == '=' && length - key_length - 1 < room) {
            snprintf(ret_value, room, "%.*s", (int)(length - key_length - 1),
                     options + key_length + 1);
            found = true;
        }
        options += length + (options[length] == ':');
    }
    return found;
}

int signal_parse(const char *text)
{
    int number;

    return option_read_signal(text, &number) ? number : 0;
}

void tick_sit_out(void)
{
    struct timespec tick;

    if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) == 0)
        nanosleep(&tick, NULL);
}
