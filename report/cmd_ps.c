/* SPDX-License-Identifier: MIT */
/*
 * `ctxtrace ps`: the traced processes of this machine, as far as we may look.
 * A process counts when the tracker is mapped into it or when it has an
 * announcement that may be believed.
 */
#include <ctype.h>
#include <dirent.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "announce.h"
#include "command.h"

#define SPAN_ROOM    48
#define SECONDS_MIN  60
#define SECONDS_HOUR 3600
#define SECONDS_DAY  86400

enum { OPT_DIR = 1, OPT_HELP };

static const struct option long_options[] = {
    {"dir", required_argument, NULL, OPT_DIR},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

static const char *span_text(char *room, double seconds)
{
    long s = seconds > 0 ? (long)seconds : 0;

    if (s < SECONDS_MIN)
        snprintf(room, SPAN_ROOM, "%lds", s);
    else if (s < SECONDS_HOUR)
        snprintf(room, SPAN_ROOM, "%ldm%02lds", s / SECONDS_MIN, s % SECONDS_MIN);
    else if (s < SECONDS_DAY)
        snprintf(room, SPAN_ROOM, "%ldh%02ldm", s / SECONDS_HOUR, s % SECONDS_HOUR / SECONDS_MIN);
    else
        snprintf(room, SPAN_ROOM, "%ldd%02ldh", s / SECONDS_DAY, s % SECONDS_DAY / SECONDS_HOUR);
    return room;
}

static void dump_write(const struct announcement *announcement)
{
    struct stat facts;
    char age[SPAN_ROOM];

    if (!announcement->file[0]) {
        puts("-");
        return;
    }
    if (stat(announcement->file, &facts) == 0)
        printf("%s (%s ago)\n", announcement->file,
               span_text(age, difftime(time(NULL), facts.st_mtime)));
    else
        printf("%s (gone)\n", announcement->file);
}

static void row_write(const struct process_facts *process, const struct announcement *announcement)
{
    int fds = process_fds_count(process);
    char uptime[SPAN_ROOM];
    char count[SPAN_ROOM] = "?";

    if (fds >= 0)
        snprintf(count, sizeof(count), "%d", fds);
    printf("%8d  %-16s %8s %6s %6ju  ", process->pid, process->name,
           span_text(uptime, process_uptime(process)), count,
           announcement ? (uintmax_t)announcement->sequence : 0);
    if (announcement)
        dump_write(announcement);
    else
        puts("-");
}

/* Returns true when the process is a traced one. */
static bool process_show(pid_t pid, const char *dir, bool first)
{
    struct process_facts process;
    struct announcement announcement;
    bool announced;

    if (process_facts_read(&process, pid) < 0 || !process.living)
        return false;
    announced = announcement_find(&announcement, dir, &process) == 0;
    if (!announced && process_tracker(&process) != TRACKER_LOADED)
        return false;
    if (first)
        printf("%8s  %-16s %8s %6s %6s  %s\n", "PID", "NAME", "UPTIME", "FDS", "DUMPS",
               "LAST DUMP");
    row_write(&process, announced ? &announcement : NULL);
    return true;
}

static int processes_show(const char *dir)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    int shown = 0;

    if (!proc) {
        perror("ctxtrace: /proc");
        return STATUS_INTERNAL;
    }
    while ((entry = readdir(proc))) {
        pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? pid_parse(entry->d_name) : 0;

        if (pid && process_show(pid, dir, shown == 0))
            shown++;
    }
    closedir(proc);
    if (!shown)
        fputs("ctxtrace: no traced process that we may see\n", stderr);
    return STATUS_OK;
}

int cmd_ps(int argc, char **argv)
{
    const char *dir = NULL;
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (option == OPT_DIR) {
            dir = optarg;
            continue;
        }
        fputs("usage: ctxtrace ps [--dir=DIR]\n", option == OPT_HELP ? stdout : stderr);
        return option == OPT_HELP ? STATUS_OK : STATUS_USAGE;
    }
    if (optind != argc) {
        fputs("usage: ctxtrace ps [--dir=DIR]\n", stderr);
        return STATUS_USAGE;
    }
    return processes_show(dir);
}
