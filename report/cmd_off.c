/* SPDX-License-Identifier: MIT */
/*
 * `ctxtrace off PID`: the tracker in a running process stops watching, for
 * good. The program runs on; what it holds is not told any more.
 */
#include <getopt.h>
#include <stdio.h>

#include "command.h"
#include "request.h"
#include "settings.h"

#include "preload/format.h"

enum { OPT_TIMEOUT = 1, OPT_DIR, OPT_HELP };

static const struct option long_options[] = {
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"dir", required_argument, NULL, OPT_DIR},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

static int usage_write(FILE *out, int status)
{
    fputs("usage: ctxtrace off [OPTION]... PID\n"
          "  --timeout=10s  how long to wait for the tracker\n"
          "  --dir=DIR      where its dumps go, if it cannot be found\n"
          "\nIts last report is then inconclusive: take a snapshot before, if one is wanted.\n",
          out);
    return status;
}

int cmd_off(int argc, char **argv)
{
    struct request request = {.value = REQUEST_OFF, .timeout_ns = REQUEST_TIMEOUT_NS};
    struct process_facts process;
    struct announcement answer;
    int option;
    int status;

    optind = 1;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (option == OPT_HELP)
            return usage_write(stdout, STATUS_OK);
        if (option == OPT_DIR)
            request.dir = optarg;
        else if (option != OPT_TIMEOUT || !option_read_time(optarg, &request.timeout_ns))
            return usage_write(stderr, STATUS_USAGE);
    }
    request.pid = optind + 1 == argc ? pid_parse(argv[optind]) : 0;
    if (!request.pid)
        return usage_write(stderr, STATUS_USAGE);
    status = request_make(&request, &process, &answer);
    if (status == STATUS_OK)
        fprintf(stderr, "ctxtrace: %d (%s): switched off at %.3f s\n", process.pid, process.name,
                (double)answer.off_ns / 1e9);
    return status;
}
