/* SPDX-License-Identifier: MIT */
/*
 * Checks of this machine and of how ctxtrace is installed on it. The loader
 * itself is asked whether it finds the library, by a program that does
 * nothing, with the tracker switched off.
 */
#include <gnu/libc-version.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor.h"

#define COMMAND_NAME     "ctxtrace"
#define DEBUG_ROOT       "/usr/lib/debug"
#define NOTHING_PROGRAM  "/bin/true"
#define LINE_ROOM        512
#define OTHERS_MODE_BITS 077

static void library_check(struct doctor *doctor)
{
    struct elf_facts facts;
    const char *soname_only = strchr(doctor->library, '/') ? "" : " (by the loader's path)";

    if (*soname_only) {
        doctor_say(doctor, DOCTOR_WARN, "library",
                   "no " TRACKER_SONAME " beside the command; CTXTRACE_LIB=PATH tells where it is");
        return;
    }
    if (elf_facts_read(&facts, doctor->library) != ELF_FACTS_OK)
        doctor_say(doctor, DOCTOR_BAD, "library", "%s cannot be read", doctor->library);
    else if (facts.class != doctor->ours.class || facts.machine != doctor->ours.machine)
        doctor_say(doctor, DOCTOR_BAD, "library", "%s is of another ELF class or machine",
                   doctor->library);
    else
        doctor_say(doctor, DOCTOR_OK, "library", "%s, with glibc %s", doctor->library,
                   gnu_get_libc_version());
    elf_facts_clear(&facts);
}

/* What the loader says to LD_PRELOAD=`library`; false: nothing. */
static bool loader_complains(const char *library, char *ret_line)
{
    char command[PATH_MAX + LINE_ROOM];
    FILE *output;
    bool complains;

    snprintf(command, sizeof(command),
             "LD_PRELOAD='%s' CTXTRACE_OPTIONS=off=1 " NOTHING_PROGRAM " 2>&1", library);
    output = popen(command, "re");
    if (!output)
        return false;
    complains = fgets(ret_line, LINE_ROOM, output) != NULL;
    pclose(output);
    ret_line[complains ? strcspn(ret_line, "\n") : 0] = 0;
    return complains;
}

static void loading_check(struct doctor *doctor)
{
    char line[LINE_ROOM];

    if (strchr(doctor->library, '\''))
        return;
    if (loader_complains(doctor->library, line))
        doctor_say(doctor, DOCTOR_BAD, "loading", "%s", line);
    else
        doctor_say(doctor, DOCTOR_OK, "loading", "the loader accepts it");
}

static void bare_name_check(struct doctor *doctor)
{
    char line[LINE_ROOM];

    if (loader_complains(TRACKER_SONAME, line))
        doctor_say(doctor, DOCTOR_WARN, "bare name",
                   "LD_PRELOAD=" TRACKER_SONAME " is not found by name alone: give its path, "
                   "or use `ctxtrace run`");
    else
        doctor_say(doctor, DOCTOR_OK, "bare name", "LD_PRELOAD=" TRACKER_SONAME " works");
}

static void tool_check(struct doctor *doctor)
{
    static const char *const places[] = {"", "../report/", "../bin/", "../../bin/"};
    char dir[PATH_MAX];
    char path[2 * PATH_MAX];
    const char *tool = getenv("CTXTRACE_TOOL");

    if (tool && access(tool, X_OK) == 0) {
        doctor_say(doctor, DOCTOR_OK, "command", "%s (CTXTRACE_TOOL)", tool);
        return;
    }
    snprintf(dir, sizeof(dir), "%s", doctor->library);
    dirname(dir);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s" COMMAND_NAME, dir, places[i]);
        if (access(path, X_OK) == 0) {
            doctor_say(doctor, DOCTOR_OK, "command", "found from the library");
            return;
        }
    }
    doctor_say(doctor, DOCTOR_WARN, "command",
               "not beside the library: exit reports will lack names and lines; set "
               "CTXTRACE_TOOL");
}

static void folder_check(struct doctor *doctor)
{
    const char *tmpdir = getenv("TMPDIR");
    struct stat facts;
    char path[PATH_MAX];

    if (!tmpdir || !*tmpdir)
        tmpdir = "/tmp";
    snprintf(path, sizeof(path), "%s/ctxtrace-%u", tmpdir, geteuid());
    if (lstat(path, &facts) < 0) {
        bool can = access(tmpdir, W_OK | X_OK) == 0;

        doctor_say(doctor, can ? DOCTOR_OK : DOCTOR_BAD, "dump folder", "%s %s", path,
                   can ? "will be made" : "cannot be made: set dir=");
        return;
    }
    if (!S_ISDIR(facts.st_mode) || facts.st_uid != geteuid() || facts.st_mode & OTHERS_MODE_BITS)
        doctor_say(
            doctor, DOCTOR_BAD, "dump folder",
            "%s is not a folder that only we may enter: it will not be used; set dir=", path);
    else
        doctor_say(doctor, access(path, W_OK | X_OK) == 0 ? DOCTOR_OK : DOCTOR_BAD, "dump folder",
                   "%s", path);
}

static bool number_read(const char *path, long *ret)
{
    FILE *file = fopen(path, "re");
    bool good = file && fscanf(file, "%ld", ret) == 1;

    if (file)
        fclose(file);
    return good;
}

static void ptrace_check(struct doctor *doctor)
{
    long scope;

    if (!number_read("/proc/sys/kernel/yama/ptrace_scope", &scope) || scope == 0)
        doctor_say(doctor, DOCTOR_OK, "ptrace", "live stacks of our own processes can be read");
    else
        doctor_say(doctor, DOCTOR_OK, "ptrace",
                   "ptrace_scope is %ld: live stacks need root; nothing else does", scope);
}

static void seccomp_check(struct doctor *doctor)
{
    struct process_facts self;

    if (process_facts_read(&self, getpid()) == 0 && self.seccomp > 0)
        doctor_say(doctor, DOCTOR_WARN, "seccomp",
                   "a filter is in force here: if it refuses clone, snapshots are written by "
                   "the interrupted thread itself");
    else
        doctor_say(doctor, DOCTOR_OK, "seccomp", "no filter");
}

static void nofile_check(struct doctor *doctor)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        doctor_say(doctor, DOCTOR_OK, "descriptors", "limit %ju of %ju", (uintmax_t)limit.rlim_cur,
                   (uintmax_t)limit.rlim_max);
}

static void core_check(struct doctor *doctor)
{
    FILE *file = fopen("/proc/sys/kernel/core_pattern", "re");
    char pattern[LINE_ROOM] = "";

    if (file && fgets(pattern, sizeof(pattern), file))
        pattern[strcspn(pattern, "\n")] = 0;
    if (file)
        fclose(file);
    doctor_say(doctor, DOCTOR_OK, "cores", "core_pattern is \"%s\"", pattern);
}

static void debug_root_check(struct doctor *doctor)
{
    const char *server = getenv("DEBUGINFOD_URLS");

    if (access(DEBUG_ROOT "/.build-id", X_OK) == 0 || (server && *server))
        doctor_say(doctor, DOCTOR_OK, "debug files", "looked for in " DEBUG_ROOT "%s%s",
                   server && *server ? " and at " : "", server ? server : "");
    else
        doctor_say(doctor, DOCTOR_WARN, "debug files",
                   "none in " DEBUG_ROOT ", and DEBUGINFOD_URLS is not set: libraries will show "
                   "functions without lines");
}

doctor_check *const doctor_host_checks[] = {
    library_check, loading_check, bare_name_check, tool_check,       folder_check, ptrace_check,
    seccomp_check, nofile_check,  core_check,      debug_root_check, NULL,
};
