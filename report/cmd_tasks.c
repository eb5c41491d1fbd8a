/* SPDX-License-Identifier: MIT */
/*
 * `ctxtrace tasks PID`: what each thread of a running program does, with its stack as it is
 * now. The tracker, where there is one, tells of the tasks; the stacks are read from outside.
 */
#include <ctype.h>
#include <elf.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "debug_dirs.h"
#include "dump.h"
#include "elf_facts.h"
#include "live_model.h"
#include "live_refusal.h"
#include "live_stacks.h"
#include "output.h"
#include "project.h"
#include "render/text_live_tasks.h"
#include "request.h"

#include "preload/format.h"

#define NS_PER_MS    UINT64_C(1000000)
#define STOP_NS      (1000 * NS_PER_MS)
#define STOP_NS_MAX  (60 * STOP_NS)
#define ATTEMPTS_MAX 3 /* at a program that replaces itself by exec while it is looked at */
#define EXE_ROOM     32

struct tasks_command {
    struct request request;
    struct live_wanted wanted;
    struct debug_dirs debug_dirs;
    bool all, no_color;
    /* Of the process at hand. */
    struct process_facts process;
    struct live_stacks stacks;
    struct dump dump;     /* with a model alone when there is no snapshot */
    bool tracked, silent; /* a snapshot was taken; there is a tracker, but none was */
};

enum {
    OPT_ALL = 1,
    OPT_NO_STACKS,
    OPT_TID,
    OPT_STOP,
    OPT_TIMEOUT,
    OPT_DIR,
    OPT_DEBUG_DIR,
    OPT_NO_COLOR,
    OPT_HELP,
};

static const struct option long_options[] = {
    {"all", no_argument, NULL, OPT_ALL},
    {"no-stacks", no_argument, NULL, OPT_NO_STACKS},
    {"tid", required_argument, NULL, OPT_TID},
    {"stop", required_argument, NULL, OPT_STOP},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"dir", required_argument, NULL, OPT_DIR},
    {"debug-dir", required_argument, NULL, OPT_DEBUG_DIR},
    {"no-color", no_argument, NULL, OPT_NO_COLOR},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

static int usage_write(FILE *out, int status)
{
    fprintf(out,
            "usage: ctxtrace tasks [OPTION]... PID\n"
            "  --all            every task by itself, every frame, the tracker's too\n"
            "  --tid=N          this thread alone\n"
            "  --no-stacks      what the tasks do, without looking into them\n"
            "  --stop=MS        for how long threads may be stopped, all in all [1000]; 0: not at\n"
            "                   all. Each is, by itself, for some 0.05 ms, and only where it runs\n"
            "                   or where its stack cannot be read while it waits.\n"
            "  --timeout=10s    how long to wait for the tracker\n"
            "  --dir=DIR        where its dumps go, if it cannot be found\n"
            "  --debug-dir=DIR  look for debug info here too; may repeat\n"
            "  --no-color       no colour on a terminal\n"
            "\n"
            "Without a tracker in the process its threads are shown as the kernel tells of them.\n"
            "Exit status: 0 shown; %d no such process, or it may not be looked into; %d shown in\n"
            "part: threads could not be stopped, or the tracker did not answer.\n",
            STATUS_BAD_INPUT, STATUS_INCONCLUSIVE);
    return status;
}

static int refuse(const struct process_facts *process, const char *reason)
{
    fprintf(stderr, "ctxtrace: %d (%s): %s\n", process->pid, process->name, reason);
    return STATUS_BAD_INPUT;
}

/* "250" is milliseconds; "2s" is as everywhere. */
static bool stop_take(struct tasks_command *command, const char *text)
{
    char *end;
    unsigned long long ms = strtoull(text, &end, 10);

    if (isdigit((unsigned char)*text) && !*end)
        command->wanted.stop_ns = ms > STOP_NS_MAX / NS_PER_MS ? UINT64_MAX : ms * NS_PER_MS;
    else if (!option_read_time(text, &command->wanted.stop_ns))
        return false;
    return command->wanted.stop_ns <= STOP_NS_MAX;
}

/* Returns false when the option is not one of ours, or has no such value. */
static bool option_take(struct tasks_command *command, int option)
{
    switch (option) {
    case OPT_ALL:
        command->all = true;
        return true;
    case OPT_NO_STACKS:
        command->wanted.stacks = false;
        return true;
    case OPT_TID:
        command->wanted.tid = pid_parse(optarg);
        return command->wanted.tid != 0;
    case OPT_STOP:
        return stop_take(command, optarg);
    case OPT_TIMEOUT:
        return option_read_time(optarg, &command->request.timeout_ns);
    case OPT_DIR:
        command->request.dir = optarg;
        return true;
    case OPT_DEBUG_DIR:
        return debug_dirs_add(&command->debug_dirs, optarg) == 0;
    case OPT_NO_COLOR:
        command->no_color = true;
        return true;
    default:
        return false;
    }
}

/* Of the program as it is at this moment. */
static int process_check(struct tasks_command *command)
{
    struct process_facts *process = &command->process;
    int error = process_facts_read(process, command->request.pid);
    struct elf_facts facts;
    char exe[EXE_ROOM];
    bool is_strange;

    if (error < 0) {
        fprintf(stderr, "ctxtrace: there is no process %d\n", command->request.pid);
        return STATUS_BAD_INPUT;
    }
    if (!process->living)
        return refuse(process, "has ended, and waits to be reaped");
    if (process->pid == getpid())
        return refuse(process, "is this very command");
    snprintf(exe, sizeof(exe), "/proc/%d/exe", process->living);
    is_strange = elf_facts_read(&facts, exe) == ELF_FACTS_OK && facts.class != ELFCLASS64;
    elf_facts_clear(&facts);
    return is_strange ? refuse(process, "is a 32-bit program, whose stacks cannot be read")
                      : STATUS_OK;
}

/* The tracker's word on the tasks, if it can be had. */
static void snapshot_take(struct tasks_command *command)
{
    struct symbolizer_options options = debug_dirs_options(&command->debug_dirs);
    struct process_facts process;
    struct announcement answer;

    command->tracked = command->silent = false;
    if (process_tracker(&command->process) != TRACKER_LOADED)
        return;
    command->silent = true;
    if (request_make(&command->request, &process, &answer) != STATUS_OK ||
        dump_open(&command->dump, answer.file, &options) < 0)
        return;
    command->tracked = true;
    command->silent = false;
}

/* The tasks as they are, of a program that stays the same meanwhile. */
static int process_look(struct tasks_command *command)
{
    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        int status = process_check(command);

        if (status != STATUS_OK)
            return status;
        snapshot_take(command);
        live_stacks_take(&command->stacks, &command->process, &command->wanted);
        if (!command->stacks.replaced || !command->stacks.count ||
            process_check(command) != STATUS_OK)
            return STATUS_OK;
        live_stacks_free(&command->stacks);
        dump_close(&command->dump);
        command->dump = (struct dump){0};
    }
    return refuse(&command->process,
                  "replaces itself by exec time and again: nothing fits together");
}

static int absence_refuse(const struct tasks_command *command)
{
    char reason[64];

    if (!command->wanted.tid)
        return refuse(&command->process, "ended before it could be looked at");
    snprintf(reason, sizeof(reason), "has no thread %d", command->wanted.tid);
    return refuse(&command->process, reason);
}

static void tasks_write(struct tasks_command *command)
{
    struct symbolizer_options options = debug_dirs_options(&command->debug_dirs);
    struct report_request request = {
        .all = command->all,
        .color = !command->no_color && output_wants_color(stdout),
    };
    struct report report = {.request = &request};
    char tracer[LIVE_REASON_ROOM];
    struct live_view view = {
        .report = &report,
        .stacks = &command->stacks,
        .tracked = command->tracked,
        .silent = command->silent,
        .tracer = live_tracer_find(&command->process, tracer, sizeof(tracer)) ? tracer : NULL,
        .no_stacks = !command->wanted.stacks,
        .tid = command->wanted.tid,
    };

    if (!command->tracked) {
        command->dump.model = live_model_new(&command->process);
        model_symbolize(command->dump.model, &options);
    }
    report.model = command->dump.model;
    report.now_ns = report.model->process.facts.uptime_ns;
    live_model_join(report.model, &command->stacks, command->all);
    project_mark(report.model, model_option(report.model, "project"));
    render_live_tasks(&view, stdout);
}

static int tasks_show(struct tasks_command *command)
{
    const struct live_stacks *stacks = &command->stacks;

    if (!stacks->count && !stacks->cut_short)
        return absence_refuse(command);
    if (stacks->unreadable && !command->tracked)
        return refuse(&command->process, stacks->refusal);
    if (command->wanted.stacks && !stacks->unreadable && !stacks->memory.map_count)
        return refuse(&command->process, "has no memory: it is ending, or a kernel thread");
    tasks_write(command);
    if (stacks->refusal[0])
        refuse(&command->process, stacks->refusal);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("ctxtrace: standard output");
        return STATUS_INTERNAL;
    }
    return stacks->refusal[0] || command->silent ? STATUS_INCONCLUSIVE : STATUS_OK;
}

int cmd_tasks(int argc, char **argv)
{
    struct tasks_command command = {
        .request = {.value = REQUEST_SNAPSHOT, .timeout_ns = REQUEST_TIMEOUT_NS},
        .wanted = {.stacks = true, .stop_ns = STOP_NS},
        .stacks.memory.fd = -1,
    };
    int option;
    int status;

    optind = 1;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (option == OPT_HELP)
            return usage_write(stdout, STATUS_OK);
        if (!option_take(&command, option))
            return usage_write(stderr, STATUS_USAGE);
    }
    command.request.pid = optind + 1 == argc ? pid_parse(argv[optind]) : 0;
    if (!command.request.pid)
        return usage_write(stderr, STATUS_USAGE);
    status = process_look(&command);
    if (status == STATUS_OK)
        status = tasks_show(&command);
    live_stacks_free(&command.stacks);
    dump_close(&command.dump);
    return status;
}
