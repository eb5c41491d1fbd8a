/* SPDX-License-Identifier: MIT */
/*
 * One dump as a subcommand meets it: a path, perhaps readable, perhaps not,
 * and what it comes to. Everything a person must be told about the file goes
 * to stderr here.
 */
#ifndef REPORT_DUMP_H
#define REPORT_DUMP_H

#include "model.h"
#include "report.h"
#include "rule_files.h"

struct dump {
    const char *path;
    struct model *model;
    struct report_request request;
    struct report *report;
    struct rule_files rule_files; /* that it was taken with */
    int status;                   /* STATUS_OK, or STATUS_BAD_INPUT also when it was cut */
};

/* Returns 0, or -1 when there is nothing to show; then `status` says why. */
int dump_open(struct dump *dump, const char *path, const struct symbolizer_options *options);
/* The same of a state file that a killed process has left. */
int dump_recover(struct dump *dump, const char *path, const struct symbolizer_options *options);

/* Fills `report` by dump->request. */
void dump_judge(struct dump *dump);
void dump_close(struct dump *dump);

/* Two dumps of one process: same pid, start and host. */
bool dump_same_process(const struct dump *a, const struct dump *b);

#endif
