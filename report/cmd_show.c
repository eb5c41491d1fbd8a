/* SPDX-License-Identifier: MIT */
/*
 * `ctxtrace show ID [FILE]`: everything about one finding, or about one thing that the
 * dump lists. Without FILE the newest dump here is meant.
 */
#include <getopt.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"
#include "debug_dirs.h"
#include "dump.h"
#include "output.h"
#include "pool.h"
#include "render/text_show.h"
#include "state_file.h"

struct show {
    struct debug_dirs debug_dirs;
    struct rule_files rule_files;
    bool no_color, rules_are_bad;
    const char *id, *path;
};

enum { OPT_DEBUG_DIR = 1, OPT_SUPPRESSIONS, OPT_NO_COLOR, OPT_HELP };

static const struct option long_options[] = {
    {"debug-dir", required_argument, NULL, OPT_DEBUG_DIR},
    {"suppressions", required_argument, NULL, OPT_SUPPRESSIONS},
    {"no-color", no_argument, NULL, OPT_NO_COLOR},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

static void usage_write(FILE *out)
{
    fputs("usage: ctxtrace show [OPTION]... ID [FILE]      (\"-\" is standard input)\n"
          "  ID is the beginning of a finding's id; or fd:7, stream:0x5555, thread:4719,\n"
          "  process:812 (a kind and what it is known by), task:3, job:2, context:5.\n"
          "  Without FILE: the newest *.ctt in this folder.\n"
          "  --debug-dir=DIR     look for debug info here too; may repeat\n"
          "  --suppressions=FILE rules for what is not to be told; may repeat\n"
          "  --no-color          no colour on a terminal\n",
          out);
}

static bool is_newer(const struct stat *a, const struct stat *b)
{
    return a->st_mtim.tv_sec != b->st_mtim.tv_sec ? a->st_mtim.tv_sec > b->st_mtim.tv_sec
                                                  : a->st_mtim.tv_nsec > b->st_mtim.tv_nsec;
}

/* NULL: there is none. */
static const char *newest_dump(struct pool *pool)
{
    struct stat newest = {0}, facts;
    const char *found = NULL;
    glob_t paths;

    if (glob("*.ctt", 0, NULL, &paths) != 0)
        return NULL;
    for (size_t i = 0; i < paths.gl_pathc; i++) {
        if (stat(paths.gl_pathv[i], &facts) < 0 || (found && !is_newer(&facts, &newest)))
            continue;
        newest = facts;
        found = paths.gl_pathv[i];
    }
    found = found ? pool_format(pool, "%s", found) : NULL;
    globfree(&paths);
    return found;
}

static int dump_show(const struct show *show, struct dump *dump)
{
    struct subject subject;

    dump->request.all = true; /* whole stacks */
    dump->request.rules = show->rule_files.texts;
    dump->request.color = !show->no_color && output_wants_color(stdout);
    dump_judge(dump);
    if (subject_find(&subject, dump->report, show->id) < 0)
        return STATUS_USAGE;
    render_subject(dump->report, &subject, stdout);
    return dump->status;
}

static int file_show(struct show *show)
{
    struct symbolizer_options options = debug_dirs_options(&show->debug_dirs);
    struct dump dump;
    int status;

    if ((state_file_is(show->path) ? dump_recover : dump_open)(&dump, show->path, &options) < 0)
        return dump.status;
    status = dump_show(show, &dump);
    dump_close(&dump);
    return status;
}

static int newest_show(struct show *show)
{
    struct pool *pool = pool_new();
    int status = STATUS_BAD_INPUT;

    show->path = newest_dump(pool);
    if (show->path)
        status = file_show(show);
    else
        fputs("ctxtrace: show: no FILE was named, and there is no *.ctt here\n", stderr);
    pool_free(pool);
    return status;
}

int cmd_show(int argc, char **argv)
{
    struct show show = {0};
    int option, status;

    optind = 1;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        switch (option) {
        case OPT_DEBUG_DIR:
            if (debug_dirs_add(&show.debug_dirs, optarg) < 0)
                return STATUS_USAGE;
            break;
        case OPT_SUPPRESSIONS:
            show.rules_are_bad |= rule_files_add(&show.rule_files, optarg) < 0;
            break;
        case OPT_NO_COLOR:
            show.no_color = true;
            break;
        case OPT_HELP:
            usage_write(stdout);
            return STATUS_OK;
        default:
            fputs("try: ctxtrace show --help\n", stderr);
            return STATUS_USAGE;
        }
    }
    if (optind == argc || argc - optind > 2) {
        usage_write(stderr);
        return STATUS_USAGE;
    }
    show.id = argv[optind];
    show.path = argc - optind == 2 ? argv[optind + 1] : NULL;
    if (show.rules_are_bad)
        status = STATUS_BAD_INPUT;
    else
        status = show.path ? file_show(&show) : newest_show(&show);
    rule_files_free(&show.rule_files);
    return status;
}
