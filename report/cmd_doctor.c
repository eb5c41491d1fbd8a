/* SPDX-License-Identifier: MIT */
/*
 * `ctxtrace doctor [-- APP]`: what would not work here, and why. It looks and
 * never changes anything; the program it is asked about is not run.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "doctor.h"
#include "launch.h"

enum { OPT_PID = 1, OPT_HELP };

static const struct option long_options[] = {
    {"pid", required_argument, NULL, OPT_PID},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

static int usage_write(FILE *out, int status)
{
    fputs("usage: ctxtrace doctor [--pid=PID] [-- APP]\n"
          "Exit status: 0, or 71 when something here could not be traced.\n",
          out);
    return status;
}

void doctor_say(struct doctor *doctor, enum doctor_level level, const char *subject,
                const char *format, ...)
{
    static const char *const words[] = {
        [DOCTOR_OK] = "ok", [DOCTOR_WARN] = "warn", [DOCTOR_BAD] = "bad"};
    va_list arguments;

    printf("%-5s %-14s ", words[level], subject);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    if (level > doctor->worst)
        doctor->worst = level;
}

static void checks_run(struct doctor *doctor, doctor_check *const *checks)
{
    for (; *checks; checks++)
        (*checks)(doctor);
}

static int app_examine(struct doctor *doctor, const char *name)
{
    int error;

    doctor->app = name;
    if (!program_find(name, doctor->app_path)) {
        doctor_say(doctor, DOCTOR_BAD, "program", "%s: no such program, or not executable", name);
        return STATUS_BAD_INPUT;
    }
    error = elf_facts_read(&doctor->app_facts, doctor->app_path);
    if (error == ELF_FACTS_OK)
        checks_run(doctor, doctor_app_checks);
    else
        doctor_say(doctor, DOCTOR_WARN, "program", "%s is no ELF file that can be read",
                   doctor->app_path);
    elf_facts_clear(&doctor->app_facts);
    return STATUS_OK;
}

static int process_examine(struct doctor *doctor, pid_t pid)
{
    if (process_facts_read(&doctor->process, pid) < 0) {
        doctor_say(doctor, DOCTOR_BAD, "process", "there is no process %d", pid);
        return STATUS_BAD_INPUT;
    }
    if (!doctor->process.living) {
        doctor_say(doctor, DOCTOR_BAD, "process", "%d (%s) has ended", pid, doctor->process.name);
        return STATUS_BAD_INPUT;
    }
    checks_run(doctor, doctor_process_checks);
    return STATUS_OK;
}

int cmd_doctor(int argc, char **argv)
{
    struct doctor doctor = {0};
    int status = STATUS_OK;
    pid_t pid = 0;
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "+", long_options, NULL)) != -1) {
        if (option == OPT_HELP)
            return usage_write(stdout, STATUS_OK);
        if (option == OPT_PID)
            pid = pid_parse(optarg);
        if (option != OPT_PID || !pid)
            return usage_write(stderr, STATUS_USAGE);
    }
    library_find(doctor.library);
    elf_facts_read(&doctor.ours, "/proc/self/exe");
    checks_run(&doctor, doctor_host_checks);
    if (optind < argc)
        status = app_examine(&doctor, argv[optind]);
    if (pid && status == STATUS_OK)
        status = process_examine(&doctor, pid);
    elf_facts_clear(&doctor.ours);
    if (status == STATUS_OK && doctor.worst == DOCTOR_BAD)
        status = STATUS_INCONCLUSIVE;
    return status;
}
