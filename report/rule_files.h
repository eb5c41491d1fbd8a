/* SPDX-License-Identifier: MIT */
/*
 * Files of rules (rule.h): those that the command line names must be good; those that a
 * dump names are used as far as they are, with a warning.
 */
#ifndef REPORT_RULE_FILES_H
#define REPORT_RULE_FILES_H

#include "model.h"
#include "rule.h"

struct rule_files {
    struct rule_text *texts;
    struct pool *pool;
};

/* Returns 0, or -1 after a sentence for each line that is no rule. */
int rule_files_add(struct rule_files *files, const char *path);

/* `paths` are separated by commas, and relative ones are of where the process was. */
void rule_files_add_of_dump(struct rule_files *files, const struct model *model, const char *paths);
void rule_files_free(struct rule_files *files);

#endif
