/* SPDX-License-Identifier: MIT */
/*
 * The command's front door: finds the subcommand and hands over.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "settings.h"

static const struct command commands[] = {
    {"run", "[OPTION]... -- APP [ARG]...", "trace a program from its start", cmd_run, 0},
    {"snapshot", "[OPTION]... PID", "what a traced process holds now", cmd_snapshot, 0},
    {"tasks", "[OPTION]... PID", "what its threads do now, with their stacks", cmd_tasks, 0},
    {"report", "[OPTION]... FILE...", "render dumps", cmd_report, 0},
    {"show", "[OPTION]... ID [FILE]", "everything about one finding or resource", cmd_show, 0},
    {"diff", "[OPTION]... A B", "what is held in B and was not in A", cmd_diff, 0},
    {"mark", "PID", "set a point for `report --since=mark`", cmd_mark, 0},
    {"off", "PID", "stop tracing a process, which runs on", cmd_off, 0},
    {"ps", "", "traced processes on this machine", cmd_ps, 0},
    {"doctor", "[-- APP]", "what would not work here, and why", cmd_doctor, 0},
    {"at-exit", "FILE", "what the tracker prints at exit", cmd_at_exit, 1},
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]), TITLE_ROOM = 32 };

static void help_write(FILE *out)
{
    const char *key, *fallback, *help;

    fputs("usage: ctxtrace COMMAND [ARGUMENT]...\n\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (!commands[i].hidden)
            fprintf(out, "  %-9s %-28s %s\n", commands[i].name, commands[i].arguments,
                    commands[i].summary);
    }
    fputs("\n`ctxtrace COMMAND --help` says more. Exit status: 0 rendered, 23 findings\n"
          "(where asked for), 64 usage, 66 no or bad input, 70 internal, 71 inconclusive.\n"
          "\nThe tracker's options, as CTXTRACE_OPTIONS=key=value:key=value or, with\n"
          "`ctxtrace run`, as --key=value:\n\n",
          out);
    for (unsigned row = 0; (key = option_row(row, &fallback, &help)); row++)
        fprintf(out, "  %-12s %s%s%s%s\n", key, help, *fallback ? " [" : "", fallback,
                *fallback ? "]" : "");
}

static const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const struct command *command;
    char title[TITLE_ROOM];

    if (argc < 2) {
        help_write(stderr);
        return STATUS_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        help_write(stdout);
        return STATUS_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("ctxtrace " CTXTRACE_VERSION);
        return STATUS_OK;
    }
    command = command_find(argv[1]);
    if (!command) {
        fprintf(stderr, "ctxtrace: no such command \"%s\" (see ctxtrace --help)\n", argv[1]);
        return STATUS_USAGE;
    }
    /* What getopt's complaints begin with. */
    snprintf(title, sizeof(title), "ctxtrace %s", command->name);
    argv[1] = title;
    return command->run(argc - 1, argv + 1);
}
