/* SPDX-License-Identifier: MIT */
/*
 * Checks of one program, from its file alone, and of one running process, from
 * /proc. What a file cannot tell (which signals it will handle) is called
 * unknown instead of being guessed.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"

#define DEBUG_ROOT   "/usr/lib/debug"
#define LINE_ROOM    (PATH_MAX + 256)
#define LIST_ROOM    1024
#define SECCOMP_NONE 0

static void verdict_check(struct doctor *doctor)
{
    enum preload_verdict verdict = preload_judge(&doctor->app_facts, &doctor->ours);

    doctor_say(doctor, verdict == PRELOAD_WORKS ? DOCTOR_OK : DOCTOR_BAD, "program", "%s%s%s: %s",
               doctor->app_path, doctor->app_facts.script ? ", run by " : "",
               doctor->app_facts.script ? doctor->app_facts.path : "",
               preload_verdict_sentence(verdict));
}

static void allocator_check(struct doctor *doctor)
{
    if (doctor->app_facts.allocator[0])
        doctor_say(doctor, DOCTOR_WARN, "allocator",
                   "it brings %s: memory will not be seen, all else will (degraded)",
                   doctor->app_facts.allocator);
    else
        doctor_say(doctor, DOCTOR_OK, "allocator", "libc's");
}

static void sanitizer_check(struct doctor *doctor)
{
    if (doctor->app_facts.sanitizer[0])
        doctor_say(doctor, DOCTOR_WARN, "sanitizer",
                   "%s must be preloaded before the tracker (`ctxtrace run` does so); memory is "
                   "the sanitizer's",
                   doctor->app_facts.sanitizer);
}

static void go_check(struct doctor *doctor)
{
    if (doctor->app_facts.go)
        doctor_say(doctor, DOCTOR_BAD, "go",
                   "a Go program calls the kernel without libc: only its C parts are seen");
}

static void signal_check(struct doctor *doctor)
{
    doctor_say(doctor, DOCTOR_OK, "signals",
               "unknown whether it handles SIGUSR1 itself; then the second signal is used "
               "(running: doctor --pid=PID)");
}

bool debug_info_is_there(const struct elf_facts *facts)
{
    char path[PATH_MAX];

    if (facts->debug_info || !facts->build_id[0])
        return facts->debug_info;
    snprintf(path, sizeof(path), DEBUG_ROOT "/.build-id/%.2s/%s.debug", facts->build_id,
             facts->build_id + 2);
    return access(path, R_OK) == 0;
}

/* Adds the library of one line of the loader's list, "libz.so.1 => /lib/…
 * (0x7f…)", to `missing` when it has no debug info. */
static void library_line_take(char *line, char *missing)
{
    char *path = strstr(line, "=> /");
    struct elf_facts facts;

    if (!path)
        return;
    path += strlen("=> ");
    path[strcspn(path, " \n")] = 0;
    if (elf_facts_read(&facts, path) == ELF_FACTS_OK && !debug_info_is_there(&facts)) {
        size_t used = strlen(missing);

        snprintf(missing + used, LIST_ROOM - used, "%s%s", used ? ", " : "",
                 strrchr(path, '/') + 1);
    }
    elf_facts_clear(&facts);
}

/* The program's own loader lists what it would load; the program is not run. */
static void libraries_list(const struct elf_facts *facts, char *missing)
{
    char command[2 * PATH_MAX + 64];
    char line[LINE_ROOM];
    FILE *output;

    *missing = 0;
    if (!facts->dynamic || strchr(facts->path, '\'') || strchr(facts->interpreter, '\''))
        return;
    snprintf(command, sizeof(command), "'%s' --list '%s' 2>/dev/null", facts->interpreter,
             facts->path);
    output = popen(command, "re");
    while (output && fgets(line, sizeof(line), output))
        library_line_take(line, missing);
    if (output)
        pclose(output);
}

static void debug_info_check(struct doctor *doctor)
{
    const struct elf_facts *facts = &doctor->app_facts;
    char missing[LIST_ROOM];

    if (debug_info_is_there(facts))
        doctor_say(doctor, DOCTOR_OK, "debug info", "build-id %s",
                   facts->build_id[0] ? facts->build_id : "none");
    else
        doctor_say(doctor, DOCTOR_WARN, "debug info",
                   "none for the program: %s, no lines; build it with -g",
                   facts->symtab ? "functions by symbol" : "exported functions only");
    libraries_list(facts, missing);
    if (*missing)
        doctor_say(doctor, DOCTOR_OK, "libraries", "without debug info: %s", missing);
}

doctor_check *const doctor_app_checks[] = {
    verdict_check, allocator_check, sanitizer_check, go_check, signal_check, debug_info_check, NULL,
};

static void presence_check(struct doctor *doctor)
{
    const struct process_facts *process = &doctor->process;

    switch (process_tracker(process)) {
    case TRACKER_LOADED:
        doctor_say(doctor, DOCTOR_OK, "process", "%d (%s) has the tracker", process->pid,
                   process->name);
        return;
    case TRACKER_ABSENT:
        doctor_say(doctor, DOCTOR_BAD, "process", "%d (%s) has no tracker", process->pid,
                   process->name);
        return;
    case TRACKER_UNKNOWN:
        doctor_say(doctor, DOCTOR_BAD, "process", "%d (%s): its maps may not be read by us",
                   process->pid, process->name);
        return;
    }
}

static const char *signal_word(const struct process_facts *process, int number)
{
    uint64_t bit = UINT64_C(1) << (number - 1);

    if (process->signals_caught & bit)
        return "handled";
    if (process->signals_ignored & bit)
        return "ignored";
    return process->signals_blocked & bit ? "blocked" : "default";
}

static void process_signals_check(struct doctor *doctor)
{
    doctor_say(doctor, DOCTOR_OK, "signals", "SIGUSR1 %s, SIGRTMAX-7 %s",
               signal_word(&doctor->process, SIGUSR1), signal_word(&doctor->process, SIGRTMAX - 7));
}

static void process_seccomp_check(struct doctor *doctor)
{
    if (doctor->process.seccomp > SECCOMP_NONE)
        doctor_say(doctor, DOCTOR_WARN, "seccomp",
                   "the process runs under a filter, which may refuse a snapshot");
}

doctor_check *const doctor_process_checks[] = {
    presence_check,
    process_signals_check,
    process_seccomp_check,
    NULL,
};
