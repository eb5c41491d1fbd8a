/* SPDX-License-Identifier: MIT */
/*
 * Finding and reading announcements. The folder may be anywhere, and a process
 * that rewrites its own argv (nginx, redis) destroys what /proc shows of its
 * environment: so every likely folder is tried, which costs nothing, since a
 * wrong file is never believed.
 */
#include "announce.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "preload/format.h"

#define ANNOUNCE_BYTES_MAX 16384 /* a path and a few numbers */
#define CANDIDATES_MAX     8
#define RUN_DIR            "ctxtrace-reports" /* what `ctxtrace run` uses */

static bool owner_is_believed(int fd, const struct process_facts *process)
{
    struct stat facts;

    return fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) &&
           (facts.st_uid == process->uid || facts.st_uid == process->euid || facts.st_uid == 0);
}

/* Returns a descriptor or a negative errno. */
static int believed_open(const char *path, const struct process_facts *process)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        return -errno;
    if (!owner_is_believed(fd, process)) {
        close(fd);
        return -EPERM;
    }
    return fd;
}

static void number_set(uint64_t *ret, const char *text)
{
    *ret = strtoull(text, NULL, 10);
}

static void line_apply(struct announcement *ret, const char *key, const char *value)
{
    uint64_t number;

    number_set(&number, value);
    if (strcmp(key, "version") == 0)
        snprintf(ret->version, sizeof(ret->version), "%s", value);
    else if (strcmp(key, "file") == 0)
        snprintf(ret->file, sizeof(ret->file), "%s", value);
    else if (strcmp(key, "pid") == 0)
        ret->pid = (pid_t)number;
    else if (strcmp(key, "start") == 0)
        ret->start_ticks = number;
    else if (strcmp(key, "signal") == 0)
        ret->signals[0] = (int)number;
    else if (strcmp(key, "signal2") == 0)
        ret->signals[1] = (int)number;
    else if (strcmp(key, "sequence") == 0)
        ret->sequence = number;
    else if (strcmp(key, "mark_ns") == 0)
        ret->mark_ns = number;
    else if (strcmp(key, "off_ns") == 0)
        ret->off_ns = number;
    /* Other keys are those of a newer tracker. */
}

static void announcement_parse(struct announcement *ret, char *text)
{
    char *line;

    ret->mark_ns = ret->off_ns = CTT_NEVER;
    while ((line = strsep(&text, "\n"))) {
        char *value = strchr(line, '=');

        if (!value)
            continue;
        *value++ = 0;
        line_apply(ret, line, value);
    }
}

/* A dump named without its folder lies beside the announcement. */
static void dump_path_complete(struct announcement *ret)
{
    char name[PATH_MAX];

    if (!ret->file[0] || ret->file[0] == '/')
        return;
    memcpy(name, ret->file, sizeof(name));
    if (snprintf(ret->file, sizeof(ret->file), "%s/%s", ret->dir, name) >= (int)sizeof(ret->file))
        ret->file[0] = 0;
}

int announcement_read(struct announcement *ret, const char *dir,
                      const struct process_facts *process)
{
    struct announcement read_ = {0};
    char path[PATH_MAX];
    char text[ANNOUNCE_BYTES_MAX + 1];
    ssize_t bytes;
    int fd;

    if (snprintf(path, sizeof(path), "%s/" ANNOUNCE_PREFIX "%d", dir, process->pid) >=
        (int)sizeof(path))
        return 1;
    fd = believed_open(path, process);
    if (fd < 0)
        return 1;
    bytes = read(fd, text, ANNOUNCE_BYTES_MAX);
    close(fd);
    if (bytes <= 0)
        return 1;
    text[bytes] = 0;
    announcement_parse(&read_, text);
    if (read_.pid != process->pid || read_.start_ticks != process->start_ticks)
        return 1; /* left behind by an earlier owner of the pid */
    snprintf(read_.dir, sizeof(read_.dir), "%s", dir);
    dump_path_complete(&read_);
    *ret = read_;
    return 0;
}

struct candidates {
    char dirs[CANDIDATES_MAX][PATH_MAX];
    size_t count;
};

static void __attribute__((format(printf, 2, 3)))
candidate_add(struct candidates *candidates, const char *format, ...)
{
    va_list arguments;
    int length;

    if (candidates->count == CANDIDATES_MAX)
        return;
    va_start(arguments, format);
    length = vsnprintf(candidates->dirs[candidates->count], PATH_MAX, format, arguments);
    va_end(arguments);
    if (length > 0 && length < PATH_MAX)
        candidates->count++;
}

/* The folders that the environment of `pid` names. */
static void candidates_of_process(struct candidates *candidates,
                                  const struct process_facts *process)
{
    char *options = process_environment(process, "CTXTRACE_OPTIONS");
    char *tmpdir = process_environment(process, "TMPDIR");
    char dir[PATH_MAX];

    if (option_text_find(options, "dir", dir, sizeof(dir)) && dir[0]) {
        if (dir[0] == '/')
            candidate_add(candidates, "%s", dir);
        else
            candidate_add(candidates, "/proc/%d/cwd/%s", process->living, dir);
    }
    if (tmpdir && *tmpdir)
        candidate_add(candidates, "%s/ctxtrace-%u", tmpdir, process->euid);
    free(options);
    free(tmpdir);
}

static void candidates_by_default(struct candidates *candidates,
                                  const struct process_facts *process)
{
    const char *tmpdir = getenv("TMPDIR");

    candidate_add(candidates, "/tmp/ctxtrace-%u", process->euid);
    /* A daemon that gave up root made its folder before that. */
    candidate_add(candidates, "/tmp/ctxtrace-0");
    if (tmpdir && *tmpdir)
        candidate_add(candidates, "%s/ctxtrace-%u", tmpdir, process->euid);
    candidate_add(candidates, RUN_DIR);
    candidate_add(candidates, "/proc/%d/cwd/" RUN_DIR, process->living);
}

int announcement_find(struct announcement *ret, const char *dir,
                      const struct process_facts *process)
{
    struct candidates *candidates;
    int result = 1;

    if (dir)
        return announcement_read(ret, dir, process);
    candidates = calloc(1, sizeof(*candidates));
    if (!candidates)
        return 1;
    candidates_of_process(candidates, process);
    candidates_by_default(candidates, process);
    for (size_t i = 0; result && i < candidates->count; i++)
        result = announcement_read(ret, candidates->dirs[i], process);
    free(candidates);
    return result;
}

int announcement_open_dump(const struct announcement *announcement,
                           const struct process_facts *process)
{
    return announcement->file[0] ? believed_open(announcement->file, process) : -ENOENT;
}
