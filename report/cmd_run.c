/* SPDX-License-Identifier: MIT */
/*
 * `ctxtrace run -- APP ARG...`: traces a program from its start. The program's
 * own exit status wins; the report is printed by the tracker itself when the
 * program ends. What cannot be traced is run all the same, and called
 * inconclusive, never clean.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "elf_facts.h"
#include "fail_sweep.h"
#include "launch.h"
#include "output.h"
#include "process_facts.h"
#include "rule_files.h"
#include "run_dumps.h"
#include "run_options.h"
#include "settings.h"

#include "preload/format.h"

#define RUN_DIR         "ctxtrace-reports"
#define RUN_DIR_MODE    0700 /* paths and argv are in the dumps */
#define EXITCODE_MAX    255
#define SUPPRESSED_ROOM 48
#define OPT_TRACKER     1000 /* + row of the tracker's options */

enum {
    OPT_EXITCODE = 1,
    OPT_FORMAT,
    OPT_FAIL,
    OPT_FAIL_SWEEP,
    OPT_SUPPRESSIONS,
    OPT_HELP,
};

static const struct option own_options[] = {
    {"error-exitcode", optional_argument, NULL, OPT_EXITCODE},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"fail", required_argument, NULL, OPT_FAIL},
    {"fail-sweep", required_argument, NULL, OPT_FAIL_SWEEP},
    {"suppressions", required_argument, NULL, OPT_SUPPRESSIONS},
    {"help", no_argument, NULL, OPT_HELP},
};

enum { OWN_OPTION_COUNT = sizeof(own_options) / sizeof(own_options[0]) };

struct run_command {
    char *options; /* for the tracker, growing */
    char *faults;  /* the same, of --fail; NULL: the program is left as it is */
    char *rules;   /* files of rules, with commas between; or NULL */
    bool rules_are_bad;
    char dir[PATH_MAX];
    bool dir_is_new;   /* and goes again when nothing was put into it */
    const char *sweep; /* the function of --fail-sweep, or NULL */
    const char *formats[OUTPUTS_MAX + 1];
    size_t format_count;
    int exitcode; /* 0: the program's status, whatever was found */
};

static int usage_write(FILE *out, int status)
{
    fputs(
        "usage: ctxtrace run [OPTION]... -- APP [ARG]...\n"
        "  --error-exitcode[=N]  when the program ends with 0: exit with N (23) if there\n"
        "                        are findings, with 71 if it could not be traced\n"
        "  --format=F[:PATH]     render the dumps too, as `ctxtrace report` does; may repeat\n"
        "  --fail=FUNCTION[:ERROR][:WHEN]\n"
        "                        make calls fail: open:EMFILE:every=100, malloc:at=7,\n"
        "                        write:ENOSPC:p=0.01,seed=7, close:times=1; may repeat.\n"
        "                        FUNCTION: malloc, calloc, realloc, open, fopen, fdopen, socket,\n"
        "                        accept, connect, bind, pipe, dup, epoll_create, eventfd, fork,\n"
        "                        read, write, recv, send, pthread_create, close, fclose, and\n"
        "                        their variants. This changes the program; its reports are\n"
        "                        headed INJECTED\n"
        "  --fail-sweep=FUNCTION[:ERROR]\n"
        "                        one run for each place that calls it, which fails there\n"
        "                        once: crashes, hangs and leaks by place\n"
        "  --suppressions=FILE   rules for what is not to be told; may repeat\n"
        "  --dir=DIR             where dumps go (./" RUN_DIR ")\n"
        "and each of the tracker's options, listed by `ctxtrace --help`, as --key=value\n",
        out);
    return status;
}

/* The flags: our own, and one for each option of the tracker. */
static void options_table_make(struct option *ret)
{
    memcpy(ret, own_options, sizeof(own_options));
    for (size_t i = 0; i < TRACKER_OPTION_COUNT; i++)
        ret[OWN_OPTION_COUNT + i] = tracker_option_flag(i, OPT_TRACKER + (int)i);
    ret[OWN_OPTION_COUNT + TRACKER_OPTION_COUNT] = (struct option){0};
}

static bool exitcode_set(struct run_command *command, const char *text)
{
    char *end;
    long code = text ? strtol(text, &end, 10) : STATUS_FINDINGS;

    if (text && (end == text || *end || code < 0 || code > EXITCODE_MAX)) {
        fprintf(stderr, "ctxtrace: --error-exitcode=%s: expected 0 to %d\n", text, EXITCODE_MAX);
        return false;
    }
    command->exitcode = (int)code;
    return true;
}

/* What a rule means the tracker says; here, that it can be told. */
static bool fault_add(struct run_command *command, const char *rule)
{
    char *longer;

    if (!*rule || strchr(rule, ';')) {
        fprintf(stderr, "ctxtrace: --fail=%s: one rule, FUNCTION[:ERROR][:WHEN]\n", rule);
        return false;
    }
    if (asprintf(&longer, "%s%s%s", command->faults ? command->faults : "",
                 command->faults ? ";" : "", rule) < 0)
        return false;
    free(command->faults);
    command->faults = longer;
    return true;
}

/* The tracker's option suppressions=, of files that are looked at before anything is run,
 * and that the program's own folder does not matter for. */
static bool rules_add(struct run_command *command, const char *path)
{
    struct rule_files files = {0};
    char whole[PATH_MAX];
    char *longer;

    /* Of a path that there is not, rule_files_add() says so. */
    if (!realpath(path, whole))
        snprintf(whole, sizeof(whole), "%s", path);
    command->rules_are_bad |= rule_files_add(&files, whole) < 0;
    rule_files_free(&files);
    if (strpbrk(whole, ",:")) {
        fprintf(stderr, "ctxtrace: --suppressions=%s: no comma or colon can be in its name\n",
                whole);
        return false;
    }
    if (asprintf(&longer, "%s%s%s", command->rules ? command->rules : "", command->rules ? "," : "",
                 whole) < 0)
        return false;
    free(command->rules);
    command->rules = longer;
    return true;
}

static bool option_take(struct run_command *command, int option)
{
    switch (option) {
    case OPT_SUPPRESSIONS:
        return rules_add(command, optarg);
    case OPT_EXITCODE:
        return exitcode_set(command, optarg);
    case OPT_FORMAT:
        if (command->format_count == OUTPUTS_MAX) {
            fprintf(stderr, "ctxtrace: more than %d --format\n", OUTPUTS_MAX);
            return false;
        }
        if (output_check(optarg) < 0)
            return false;
        command->formats[command->format_count++] = optarg;
        return true;
    case OPT_FAIL_SWEEP:
        command->sweep = optarg;
        return true;
    case OPT_FAIL:
        return fault_add(command, optarg);
    default:
        if (option < OPT_TRACKER)
            return false;
        return tracker_option_take(&command->options, (size_t)(option - OPT_TRACKER),
                                   optarg ? optarg : "1");
    }
}

static bool is_folder(const char *path)
{
    struct stat facts;

    if (stat(path, &facts) < 0)
        return false;
    errno = ENOTDIR;
    return S_ISDIR(facts.st_mode);
}

/* Makes the folder and its name absolute: the program may change its own. */
static bool dir_make(const char *dir, char ret_path[PATH_MAX], bool *ret_is_new)
{
    *ret_is_new = mkdir(dir, RUN_DIR_MODE) == 0;
    if (!*ret_is_new && errno != EEXIST)
        return false;
    if (!realpath(dir, ret_path) || !is_folder(ret_path) || access(ret_path, W_OK | X_OK) < 0)
        return false;
    if (!strchr(ret_path, ':'))
        return true;
    errno = EINVAL; /* it could not be told to the tracker */
    return false;
}

/* What the flags or the environment say, else ours; where that cannot be used,
 * the tracker's own default. */
static bool dir_choose(struct run_command *command)
{
    const char *tmpdir = getenv("TMPDIR");
    char wanted[PATH_MAX];
    char fallback[PATH_MAX];

    if (!option_text_find(command->options, "dir", wanted, sizeof(wanted)) || !*wanted)
        snprintf(wanted, sizeof(wanted), "%s", RUN_DIR);
    if (!dir_make(wanted, command->dir, &command->dir_is_new)) {
        int reason = errno;

        snprintf(fallback, sizeof(fallback), "%s/ctxtrace-%u", tmpdir && *tmpdir ? tmpdir : "/tmp",
                 geteuid());
        fprintf(stderr, "ctxtrace: %s: %s; dumps go to %s\n", wanted, strerror(reason), fallback);
        if (!dir_make(fallback, command->dir, &command->dir_is_new)) {
            fprintf(stderr, "ctxtrace: %s: %s\n", fallback, strerror(errno));
            return false;
        }
    }
    return tracker_option_add(&command->options, "dir", command->dir);
}

/* Returns STATUS_OK, or what to exit with after a sentence. */
static int program_judge(const char *name, struct elf_facts *ret_facts,
                         enum preload_verdict *ret_verdict)
{
    char path[PATH_MAX];
    struct elf_facts ours;

    *ret_facts = (struct elf_facts){0};
    *ret_verdict = PRELOAD_WORKS;
    if (!program_find(name, path)) {
        fprintf(stderr, "ctxtrace: %s: no such program, or not executable\n", name);
        return STATUS_BAD_INPUT;
    }
    /* What cannot be read may still be run: a script without #!, a program
     * that is executable only. */
    if (elf_facts_read(ret_facts, path) == ELF_FACTS_OK &&
        elf_facts_read(&ours, "/proc/self/exe") == ELF_FACTS_OK) {
        *ret_verdict = preload_judge(ret_facts, &ours);
        elf_facts_clear(&ours);
    }
    if (*ret_verdict != PRELOAD_WORKS)
        fprintf(stderr, "ctxtrace: inconclusive: %s: %s\n", name,
                preload_verdict_sentence(*ret_verdict));
    return STATUS_OK;
}

/* Says in one line what the tracker, which is silent without findings, did
 * not. Returns the exit status for a program that ended with 0. */
static int run_conclude(const struct run_command *command, const struct run_dumps *dumps,
                        bool traceable)
{
    bool inconclusive = !traceable || dumps->inconclusive || !dumps->count;
    char suppressed[SUPPRESSED_ROOM] = "";

    if (command->faults && dumps->count && !dumps->injected && !strstr(command->faults, ":list")) {
        inconclusive = true;
        fprintf(stderr, "ctxtrace: --fail=%s: nothing has failed, of %" PRIu64 " such call%s\n",
                command->faults, dumps->injectable, dumps->injectable == 1 ? "" : "s");
    }
    if (dumps->suppressed)
        snprintf(suppressed, sizeof(suppressed), ", %lu suppressed,", dumps->suppressed);
    if (traceable && !dumps->count)
        fprintf(stderr, "ctxtrace: inconclusive: no dump was written to %s\n", command->dir);
    else if (dumps->count && !dumps->findings)
        fprintf(stderr, "ctxtrace: %s%s0 findings%s in %zu process%s; dumps in %s\n",
                command->faults ? "INJECTED: " : "",
                inconclusive      ? "inconclusive: "
                : dumps->degraded ? "degraded, not all was seen: "
                                  : "",
                suppressed, dumps->processes, dumps->processes == 1 ? "" : "es", command->dir);
    if (!command->exitcode)
        return STATUS_OK;
    if (dumps->findings)
        return command->exitcode;
    return inconclusive ? STATUS_INCONCLUSIVE : STATUS_OK;
}

static int program_run(struct run_command *command, char **argv)
{
    char library[PATH_MAX];
    char trigger[32];
    struct launch launch = {.argv = argv, .library = library};
    struct run_dumps dumps;
    struct elf_facts facts;
    enum preload_verdict verdict;
    struct timespec start;
    int wait_status = 0;
    pid_t pid;
    int error = program_judge(argv[0], &facts, &verdict);

    if (error != STATUS_OK)
        return error;
    /* With a bare name, or a program that ignores it, nobody would unblock. */
    launch.certain = library_find(library) && verdict == PRELOAD_WORKS;
    if (preload_is_harmful(verdict))
        launch.library = NULL;
    if (facts.sanitizer[0])
        launch.first = facts.sanitizer;
    if (option_text_find(command->options, "signal", trigger, sizeof(trigger)) && *trigger)
        launch.trigger = trigger;
    launch.options = command->options;
    launch.faults = command->faults;
    if (command->sweep) {
        error = fail_sweep(&launch, command->sweep, command->dir);
        elf_facts_clear(&facts);
        return error;
    }
    /* The coarse clock is the one that files are stamped with: those of an
     * earlier run must be of an earlier tick. */
    if (!command->dir_is_new)
        tick_sit_out();
    clock_gettime(CLOCK_REALTIME_COARSE, &start);
    error = launch_and_wait(&launch, &pid, &wait_status);
    elf_facts_clear(&facts);
    if (error < 0) {
        fprintf(stderr, "ctxtrace: %s: %s\n", argv[0], strerror(-error));
        return STATUS_BAD_INPUT;
    }
    run_dumps_collect(&dumps, command->dir, &start);
    error = run_conclude(command, &dumps, verdict == PRELOAD_WORKS);
    if (command->format_count)
        run_dumps_render(&dumps, command->formats);
    if (command->dir_is_new && !dumps.count)
        rmdir(command->dir);
    run_dumps_clear(&dumps);
    return wait_status ? launch_status(wait_status) : error;
}

int cmd_run(int argc, char **argv)
{
    const char *inherited = getenv("CTXTRACE_OPTIONS");
    struct option table[OWN_OPTION_COUNT + TRACKER_OPTION_COUNT + 1];
    struct run_command command = {0};
    int status = STATUS_USAGE;
    bool good = true;
    int option;

    command.options = strdup(inherited ? inherited : "");
    if (!command.options)
        return STATUS_INTERNAL;
    options_table_make(table);
    optind = 1;
    /* '+': the first word that is no option is the program's. */
    while (good && (option = getopt_long(argc, argv, "+", table, NULL)) != -1) {
        if (option == OPT_HELP) {
            free(command.options);
            return usage_write(stdout, STATUS_OK);
        }
        good = option_take(&command, option);
    }
    good = good &&
           (!command.rules || tracker_option_add(&command.options, "suppressions", command.rules));
    if (!good || optind >= argc)
        usage_write(stderr, STATUS_USAGE);
    else if (command.rules_are_bad || !dir_choose(&command))
        status = STATUS_BAD_INPUT;
    else
        status = program_run(&command, argv + optind);
    free(command.rules);
    free(command.faults);
    free(command.options);
    return status;
}
