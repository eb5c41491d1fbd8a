/* SPDX-License-Identifier: MIT */
/*
 * `ctxtrace snapshot PID`: what a traced process holds at this moment. The
 * process runs on; its tracker writes a dump, which is rendered here, or
 * copied with -o.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "output.h"
#include "request.h"
#include "rule_files.h"
#include "settings.h"

#include "preload/format.h"

#define COPY_BLOCK_BYTES (64 * 1024)
#define DUMP_MODE        0600 /* as the tracker writes it: paths and argv are inside */

struct snapshot_command {
    struct request request;
    const char *copy;
    const char *formats[OUTPUTS_MAX + 1];
    size_t format_count;
    struct rule_files rule_files;
    bool rules_are_bad;
};

enum { OPT_TIMEOUT = 1, OPT_DIR, OPT_FORMAT, OPT_REACH, OPT_SUPPRESSIONS, OPT_HELP };

static const struct option long_options[] = {
    {"format", required_argument, NULL, OPT_FORMAT},
    {"output", required_argument, NULL, 'o'},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"dir", required_argument, NULL, OPT_DIR},
    {"reach", no_argument, NULL, OPT_REACH},
    {"suppressions", required_argument, NULL, OPT_SUPPRESSIONS},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

static int usage_write(FILE *out, int status)
{
    fputs("usage: ctxtrace snapshot [OPTION]... PID\n"
          "  -o, --output=FILE  copy the dump to FILE (\"-\": standard output)\n"
          "  --format=F[:PATH]  render it, as `ctxtrace report` does; may repeat\n"
          "  --suppressions=FILE  rules for what is not to be told; may repeat\n"
          "  --timeout=10s      how long to wait for the tracker\n"
          "  --reach            judge memory by what reaches it: a copy of the process is made\n"
          "  --dir=DIR          where its dumps go, if it cannot be found\n",
          out);
    return status;
}

/* Returns 0, or a negative errno. */
static int bytes_copy(int from, int to)
{
    static char block[COPY_BLOCK_BYTES];
    ssize_t bytes;

    while ((bytes = read(from, block, sizeof(block))) > 0) {
        for (ssize_t done = 0; done < bytes;) {
            ssize_t written = write(to, block + done, (size_t)(bytes - done));

            if (written < 0)
                return -errno;
            done += written;
        }
    }
    return bytes < 0 ? -errno : 0;
}

static int dump_copy(int from, const char *path)
{
    bool to_stdout = strcmp(path, "-") == 0;
    int to =
        to_stdout ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, DUMP_MODE);
    int error = to < 0 ? -errno : bytes_copy(from, to);

    if (to >= 0 && !to_stdout && close(to) < 0 && !error)
        error = -errno;
    if (error < 0) {
        fprintf(stderr, "ctxtrace: %s: %s\n", path, strerror(-error));
        return STATUS_INTERNAL;
    }
    return STATUS_OK;
}

static int snapshot_finish(const struct snapshot_command *command,
                           const struct process_facts *process, const struct announcement *answer)
{
    int fd = announcement_open_dump(answer, process);
    int status = STATUS_OK;

    if (fd < 0) {
        fprintf(stderr, "ctxtrace: %s: %s\n", answer->file, strerror(-fd));
        return STATUS_BAD_INPUT;
    }
    if (command->copy)
        status = dump_copy(fd, command->copy);
    close(fd);
    if (status == STATUS_OK && (!command->copy || command->format_count))
        status = report_file(answer->file, command->formats, &command->rule_files);
    return status;
}

/* Returns false when the option is not one of ours, or has no such value. */
static bool option_take(struct snapshot_command *command, int option)
{
    switch (option) {
    case 'o':
        command->copy = optarg;
        return true;
    case OPT_DIR:
        command->request.dir = optarg;
        return true;
    case OPT_REACH:
        command->request.value = REQUEST_REACH;
        return true;
    case OPT_SUPPRESSIONS:
        command->rules_are_bad |= rule_files_add(&command->rule_files, optarg) < 0;
        return true;
    case OPT_TIMEOUT:
        return option_read_time(optarg, &command->request.timeout_ns);
    case OPT_FORMAT:
        if (command->format_count == OUTPUTS_MAX || output_check(optarg) < 0)
            return false;
        command->formats[command->format_count++] = optarg;
        return true;
    default:
        return false;
    }
}

int cmd_snapshot(int argc, char **argv)
{
    struct snapshot_command command = {
        .request = {.value = REQUEST_SNAPSHOT, .timeout_ns = REQUEST_TIMEOUT_NS},
    };
    struct process_facts process;
    struct announcement answer;
    int option;
    int status;

    optind = 1;
    while ((option = getopt_long(argc, argv, "o:", long_options, NULL)) != -1) {
        if (option == OPT_HELP)
            return usage_write(stdout, STATUS_OK);
        if (!option_take(&command, option))
            return usage_write(stderr, STATUS_USAGE);
    }
    command.request.pid = optind + 1 == argc ? pid_parse(argv[optind]) : 0;
    if (!command.request.pid)
        return usage_write(stderr, STATUS_USAGE);
    /* Before the process is asked. */
    status = command.rules_are_bad ? STATUS_BAD_INPUT
                                   : request_make(&command.request, &process, &answer);
    if (status == STATUS_OK)
        status = snapshot_finish(&command, &process, &answer);
    rule_files_free(&command.rule_files);
    return status;
}
