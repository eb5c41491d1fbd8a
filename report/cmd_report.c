/* SPDX-License-Identifier: MIT */
/*
 * `ctxtrace report FILE...`: dumps in, reports out.
 *
 * Several dumps of one process are a series: the last one is shown, with the
 * change since the one before. Different processes get a summary by
 * fingerprint first (summary.c).
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "debug_dirs.h"
#include "dump.h"
#include "output.h"
#include "summary.h"
#include "trace.h"
#include "traces.h"

enum { OVERRIDES_MAX = 5, TRACES_NAMED = 8 };

struct report_command {
    struct output_list outputs;
    struct report_request request;
    size_t override_count;
    struct debug_dirs debug_dirs;
    struct rule_files rule_files;
    bool each, no_color, strict, recover;
    struct dump *dumps;
    size_t dump_count;
    struct traces *traces;
    int status;
};

enum {
    OPT_FORMAT = 1,
    OPT_ALL,
    OPT_EACH,
    OPT_SINCE,
    OPT_KIND,
    OPT_TASKS,
    OPT_CONTEXTS,
    OPT_TRACE,
    OPT_DEBUG_DIR,
    OPT_NO_COLOR,
    OPT_STRICT,
    OPT_RECOVER,
    OPT_OVERRIDE,
    OPT_SUPPRESSIONS,
    OPT_HELP
};

static const struct option long_options[] = {
    {"format", required_argument, NULL, OPT_FORMAT},
    {"all", no_argument, NULL, OPT_ALL},
    {"each", no_argument, NULL, OPT_EACH},
    {"since", required_argument, NULL, OPT_SINCE},
    {"kind", required_argument, NULL, OPT_KIND},
    {"tasks", no_argument, NULL, OPT_TASKS},
    {"contexts", no_argument, NULL, OPT_CONTEXTS},
    {"trace", required_argument, NULL, OPT_TRACE},
    {"debug-dir", required_argument, NULL, OPT_DEBUG_DIR},
    {"no-color", no_argument, NULL, OPT_NO_COLOR},
    {"strict", no_argument, NULL, OPT_STRICT},
    {"recover", no_argument, NULL, OPT_RECOVER},
    {"option", required_argument, NULL, OPT_OVERRIDE},
    {"suppressions", required_argument, NULL, OPT_SUPPRESSIONS},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

static void usage_write(FILE *out)
{
    fprintf(
        out,
        "usage: ctxtrace report [OPTION]... FILE...      (\"-\" is standard input)\n"
        "  --format=F[:PATH]   %s; may repeat; PATH \"-\" is standard output\n"
        "  --all               every row and frame, no \"and 312 more\"\n"
        "  --each              every dump in full, no summary\n"
        "  --since=mark        only what was acquired after `ctxtrace mark`\n"
        "  --kind=KIND         only this kind: fd, socket, stream, memory, ...\n"
        "  --tasks             the tasks with all that is known of each, also of an exit report\n"
        "  --contexts          the tree of contexts, with what each holds\n"
        "  --trace=ID          only what belongs to this trace: req-12345, or %d hex digits or "
        "more\n"
        "  --debug-dir=DIR     look for debug info here too; may repeat\n"
        "  --option=KEY=VALUE  judge with another grace, pile_up, project, exit or builtin_rules\n"
        "  --suppressions=FILE rules for what is not to be told; may repeat\n"
        "  --no-color          no colour on a terminal\n"
        "  --recover           FILEs are state files (state=) that killed processes have left\n"
        "  --strict            exit with %d when a dump is inconclusive\n",
        renderer_names(), TRACE_PREFIX_DIGITS, STATUS_INCONCLUSIVE);
}

static int override_add(struct report_command *command, const char *text)
{
    static const char *const keys[] = {"grace", "pile_up", "project", "exit", "builtin_rules"};
    const char *equals = strchr(text, '=');

    for (size_t i = 0; equals && i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strlen(keys[i]) != (size_t)(equals - text) ||
            strncmp(keys[i], text, (size_t)(equals - text)) != 0)
            continue;
        if (command->override_count == OVERRIDES_MAX)
            break;
        command->request.overrides[command->override_count++] = text;
        return 0;
    }
    fprintf(stderr,
            "ctxtrace: --option=%s: expected grace, pile_up, project, exit or builtin_rules, = and "
            "a value, %d times at most\n",
            text, OVERRIDES_MAX);
    return -1;
}

static int since_set(struct report_command *command, const char *text)
{
    if (strcmp(text, "mark") != 0) {
        fprintf(stderr, "ctxtrace: --since=%s: only \"mark\" is known\n", text);
        return -1;
    }
    command->request.since_mark = true;
    return 0;
}

static int trace_set(struct report_command *command, const char *text)
{
    if (!*text) {
        fputs("ctxtrace: --trace= takes the id of a trace\n", stderr);
        return -1;
    }
    command->request.trace = text;
    return 0;
}

/* Returns 0, or -1 after a sentence. */
static int option_take(struct report_command *command, int option)
{
    switch (option) {
    case OPT_FORMAT:
        return output_add(&command->outputs, optarg);
    case OPT_ALL:
        command->request.all = true;
        return 0;
    case OPT_EACH:
        command->each = true;
        return 0;
    case OPT_SINCE:
        return since_set(command, optarg);
    case OPT_KIND:
        command->request.kind = optarg;
        return 0;
    case OPT_TASKS:
        command->request.tasks = true;
        return 0;
    case OPT_CONTEXTS:
        command->request.contexts = true;
        return 0;
    case OPT_TRACE:
        return trace_set(command, optarg);
    case OPT_DEBUG_DIR:
        return debug_dirs_add(&command->debug_dirs, optarg);
    case OPT_NO_COLOR:
        command->no_color = true;
        return 0;
    case OPT_RECOVER:
        command->recover = true;
        return 0;
    case OPT_STRICT:
        command->strict = true;
        return 0;
    case OPT_OVERRIDE:
        return override_add(command, optarg);
    case OPT_SUPPRESSIONS:
        /* The next one may be bad, too: all are told of. */
        if (rule_files_add(&command->rule_files, optarg) < 0)
            command->status = STATUS_BAD_INPUT;
        return 0;
    default:
        fputs("try: ctxtrace report --help\n", stderr);
        return -1;
    }
}

static void dumps_open(struct report_command *command, char *const *paths, size_t count)
{
    struct symbolizer_options options = debug_dirs_options(&command->debug_dirs);

    command->dumps = xalloc(count * sizeof(*command->dumps));
    for (size_t i = 0; i < count; i++) {
        struct dump *dump = &command->dumps[command->dump_count];

        if ((command->recover ? dump_recover : dump_open)(dump, paths[i], &options) == 0)
            command->dump_count++;
        if (dump->status != STATUS_OK)
            command->status = STATUS_BAD_INPUT;
    }
}

/* One process after another, in the order of the command line; within each,
 * by sequence. Insertion keeps it stable; dumps are few. */
static void dumps_sort(struct report_command *command)
{
    for (size_t i = 1; i < command->dump_count; i++) {
        struct dump dump = command->dumps[i];
        size_t to = i;

        for (size_t k = 0; k < i; k++) {
            if (!dump_same_process(&command->dumps[k], &dump))
                continue;
            to = k + 1;
            if (command->dumps[k].model->process.facts.sequence >
                dump.model->process.facts.sequence) {
                to = k;
                break;
            }
        }
        memmove(&command->dumps[to + 1], &command->dumps[to], (i - to) * sizeof(dump));
        command->dumps[to] = dump;
    }
}

static void mark_check(struct report_command *command, struct dump *dump)
{
    if (!dump->request.since_mark || dump->model->process.facts.mark_ns != CTT_NEVER)
        return;
    fprintf(stderr, "ctxtrace: %s: no mark was set (ctxtrace mark PID)\n", dump->path);
    dump->request.since_mark = false;
    command->status = STATUS_BAD_INPUT;
}

static bool trace_is_in(const struct model *model)
{
    for (const struct context *c = model->contexts; c; c = c->hh.next) {
        if (!c->hidden)
            return true;
    }
    return false;
}

/* Ids come with requests, from anywhere: none may paint on a terminal. */
static void id_write(const char *before, const char *id)
{
    fputs(before, stderr);
    for (; *id; id++)
        fputc(*id > ' ' && *id < 0x7f ? *id : '?', stderr);
}

static void trace_miss(const struct report_command *command)
{
    unsigned written = 0;

    fprintf(stderr, "ctxtrace: --trace=%s: nothing here is of such a trace",
            command->request.trace);
    for (size_t i = 0; i < command->dump_count; i++) {
        const struct context *c = command->dumps[i].model->contexts;

        for (; c && written < TRACES_NAMED; c = c->hh.next) {
            if (c->trace_id)
                id_write(written++ ? ", " : "; there are: ", c->trace_id);
        }
    }
    fputs(written == TRACES_NAMED ? ", ...\n" : "\n", stderr);
}

/* Returns 0, or -1 after a sentence. */
static int dumps_judge(struct report_command *command)
{
    size_t traced = 0;

    for (size_t i = 0; i < command->dump_count; i++) {
        struct dump *dump = &command->dumps[i];
        const char *path = dump->path;

        dump->request = command->request;
        dump->request.path = path;
        if (i && dump_same_process(&command->dumps[i - 1], dump))
            dump->request.previous = command->dumps[i - 1].report;
        if (command->request.kind && !model_knows_kind(dump->model, command->request.kind)) {
            fprintf(stderr,
                    "ctxtrace: --kind=%s: no such kind (fd, socket, stream, dir, pipe, "
                    "event, memory, mapping, thread, process, ...)\n",
                    command->request.kind);
            return -1;
        }
        mark_check(command, dump);
        dump_judge(dump);
        traced += trace_is_in(dump->model);
        if (command->strict && command->status == STATUS_OK &&
            report_health(dump->report) == CTT_HEALTH_INCONCLUSIVE)
            command->status = STATUS_INCONCLUSIVE;
    }
    if (command->request.trace && !traced)
        trace_miss(command);
    return 0;
}

/* What the processes have in common; of a series the last dump speaks. */
static void traces_join(struct report_command *command)
{
    command->traces = traces_new();
    for (size_t i = 0; i < command->dump_count; i++) {
        if (i + 1 == command->dump_count ||
            !dump_same_process(&command->dumps[i], &command->dumps[i + 1]))
            traces_add(command->traces, command->dumps[i].report);
    }
    traces_finish(command->traces);
    for (size_t i = 0; i < command->dump_count; i++)
        command->dumps[i].report->traces = command->traces;
}

static void output_write(struct report_command *command, const struct output *output)
{
    FILE *out = output_open(output);

    if (!out) {
        command->status = STATUS_INTERNAL;
        return;
    }
    for (size_t i = 0; i < command->dump_count; i++)
        command->dumps[i].request.color = !command->no_color && output_wants_color(out);
    summary_write(command->dumps, command->dump_count, command->each, output->renderer, out);
    if (output_close(output, out) < 0)
        command->status = STATUS_INTERNAL;
}

static int command_finish(struct report_command *command, char *const *paths, size_t count)
{
    output_default(&command->outputs);
    if (command->rule_files.texts)
        command->request.rules = command->rule_files.texts;
    dumps_open(command, paths, count);
    dumps_sort(command);
    if (dumps_judge(command) < 0) {
        command->status = STATUS_USAGE;
    } else if (command->dump_count) {
        traces_join(command);
        for (size_t i = 0; i < command->outputs.count; i++)
            output_write(command, &command->outputs.items[i]);
    }
    command->traces = traces_free(command->traces);
    for (size_t i = 0; i < command->dump_count; i++)
        dump_close(&command->dumps[i]);
    free(command->dumps);
    rule_files_free(&command->rule_files);
    return command->status;
}

int cmd_report(int argc, char **argv)
{
    struct report_command command = {0};
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (option == OPT_HELP) {
            usage_write(stdout);
            return STATUS_OK;
        }
        if (option_take(&command, option) < 0) {
            rule_files_free(&command.rule_files);
            return STATUS_USAGE;
        }
    }
    if (optind == argc) {
        usage_write(stderr);
        command.status = STATUS_USAGE;
    }
    if (command.status == STATUS_OK)
        return command_finish(&command, argv + optind, (size_t)(argc - optind));
    rule_files_free(&command.rule_files);
    return command.status;
}

int report_file(const char *path, const char *const *formats, const struct rule_files *rules)
{
    struct report_command command = {.request.rules = rules ? rules->texts : NULL};
    char *paths[] = {(char *)path};

    for (; formats && *formats; formats++) {
        if (output_add(&command.outputs, *formats) < 0)
            return STATUS_USAGE;
    }
    return command_finish(&command, paths, 1);
}
