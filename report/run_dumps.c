/* SPDX-License-Identifier: MIT */
/*
 * Finding the dumps of a run. Their names follow a template that the user may
 * change, so the folder is read and each new file's first bytes decide.
 */
#include "run_dumps.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "dump.h"
#include "pool.h"
#include "tables.h"
#include "report.h"
#include "suppress.h"

#include "preload/format.h"

static bool is_dump_since(int dir, const char *name, const struct timespec *start)
{
    char magic[sizeof(CTT_MAGIC) - 1];
    struct stat facts;
    bool is_dump = false;
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        return false;
    if (fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) &&
        (facts.st_mtim.tv_sec > start->tv_sec ||
         (facts.st_mtim.tv_sec == start->tv_sec && facts.st_mtim.tv_nsec >= start->tv_nsec)))
        is_dump = read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
                  memcmp(magic, CTT_MAGIC, sizeof(magic)) == 0;
    close(fd);
    return is_dump;
}

static void path_add(struct run_dumps *dumps, const char *dir, const char *name)
{
    size_t room = strlen(dir) + strlen(name) + 2;

    if (dumps->count == RUN_DUMPS_MAX) {
        dumps->unread++;
        return;
    }
    dumps->paths = xrealloc(dumps->paths, dumps->count + 1, sizeof(*dumps->paths));
    dumps->paths[dumps->count] = xalloc(room);
    snprintf(dumps->paths[dumps->count++], room, "%s/%s", dir, name);
}

static int path_compare(const void *left, const void *right)
{
    return strverscmp(*(char *const *)left, *(char *const *)right);
}

static bool is_superseded(const struct dump *dumps, size_t count, const struct dump *dump)
{
    for (size_t i = 0; i < count; i++) {
        if (dumps[i].model && dump_same_process(&dumps[i], dump) &&
            dumps[i].model->process.facts.sequence > dump->model->process.facts.sequence)
            return true;
    }
    return false;
}

/* Each dump tells all until then, also of the children that a fork has made. */
static void injections_count(struct run_dumps *ret, const struct model *model)
{
    if (model->injectable_calls > ret->injectable)
        ret->injectable = model->injectable_calls;
    if (model->injected_failures > ret->injected)
        ret->injected = model->injected_failures;
}

/* An early dump of a process says less than its last one: only that counts. */
static void dumps_judge(struct run_dumps *ret)
{
    struct dump *dumps = xalloc((ret->count + 1) * sizeof(*dumps));
    size_t opened = 0;

    for (size_t i = 0; i < ret->count; i++) {
        if (dump_open(&dumps[opened], ret->paths[i], NULL) == 0)
            opened++;
        else
            ret->inconclusive = true;
    }
    for (size_t i = 0; i < opened; i++)
        injections_count(ret, dumps[i].model);
    for (size_t i = 0; i < opened; i++) {
        if (is_superseded(dumps, opened, &dumps[i]))
            continue;
        dump_judge(&dumps[i]);
        ret->processes++;
        ret->findings += report_finding_count(dumps[i].report);
        ret->suppressed += suppressed_count(dumps[i].report).groups;
        if (report_health(dumps[i].report) == CTT_HEALTH_INCONCLUSIVE)
            ret->inconclusive = true;
        if (report_health(dumps[i].report) == CTT_HEALTH_DEGRADED)
            ret->degraded = true;
    }
    for (size_t i = 0; i < opened; i++)
        dump_close(&dumps[i]);
    free(dumps);
}

void run_dumps_collect(struct run_dumps *ret, const char *dir, const struct timespec *start)
{
    DIR *folder = opendir(dir);
    struct dirent *entry;

    *ret = (struct run_dumps){0};
    while (folder && (entry = readdir(folder))) {
        if (entry->d_name[0] != '.' && is_dump_since(dirfd(folder), entry->d_name, start))
            path_add(ret, dir, entry->d_name);
    }
    if (folder)
        closedir(folder);
    if (ret->unread)
        fprintf(stderr, "ctxtrace: %zu more dumps in %s were not looked at\n", ret->unread, dir);
    if (ret->count) {
        qsort(ret->paths, ret->count, sizeof(*ret->paths), path_compare);
        dumps_judge(ret);
    }
}

int run_dumps_render(const struct run_dumps *dumps, const char *const *formats)
{
    size_t format_count = 0;
    size_t used = 0;
    char **argv;
    int status;

    if (!dumps->count)
        return STATUS_INCONCLUSIVE;
    while (formats[format_count])
        format_count++;
    argv = xalloc((format_count + dumps->count + 3) * sizeof(*argv));
    argv[used++] = (char *)"report";
    for (size_t i = 0; i < format_count; i++) {
        if (asprintf(&argv[used], "--format=%s", formats[i]) >= 0)
            used++;
    }
    argv[used++] = (char *)"--";
    memcpy(argv + used, dumps->paths, dumps->count * sizeof(*argv));
    argv[used + dumps->count] = NULL;
    status = cmd_report((int)(used + dumps->count), argv);
    for (size_t i = 1; i + 1 < used; i++)
        free(argv[i]);
    free(argv);
    return status;
}

void run_dumps_clear(struct run_dumps *dumps)
{
    for (size_t i = 0; i < dumps->count; i++)
        free(dumps->paths[i]);
    free(dumps->paths);
    *dumps = (struct run_dumps){0};
}
