/* SPDX-License-Identifier: MIT */
/*
 * The options that decide what a report says, as they were in force in the
 * dumped process, unless the command line says otherwise. Keys, types and
 * defaults are the rows of CTT_OPTIONS.
 */
#ifndef REPORT_SETTINGS_H
#define REPORT_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

enum exit_rule { EXIT_NOTES, EXIT_ALL, EXIT_DECLARED };
enum held_rule { HELD_PROJECT, HELD_ALL, HELD_NONE };

struct settings {
    uint64_t grace_ns;
    uint64_t pile_up;
    uint64_t growth_ns;
    const char *project; /* glob; "" is the rule of project.h */
    const char *dir;
    const char *color;
    enum exit_rule exit_rule;
    enum held_rule held_rule;
    bool verbose;
    bool builtin_rules;
    const char *suppressions; /* files of rules, with commas between */
};

/* Where values come from: NULL means "not set here". */
typedef const char *settings_source(const void *from, const char *key);

struct settings settings_make(settings_source *source, const void *from);

/* The default of an option, or NULL when there is no such option. */
const char *option_default(const char *key);
/* Row by row, for --help: NULL after the last. */
const char *option_row(unsigned row, const char **ret_default, const char **ret_help);

#endif
