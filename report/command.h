/* SPDX-License-Identifier: MIT */
/*
 * A subcommand of `ctxtrace`: one cmd_*.c file and one row of the table in
 * main.c. `run` gets its own argv (argv[0] is the subcommand's name) and
 * returns the exit status. Results go to stdout, chatter to stderr.
 */
#ifndef REPORT_COMMAND_H
#define REPORT_COMMAND_H

/* The exit statuses are part of the interface: scripts branch on them. */
enum command_status {
    STATUS_OK = 0,
    STATUS_HELD = 10, /* at-exit only: it spoke, but of notes alone */
    STATUS_FINDINGS = 23,
    STATUS_USAGE = 64,
    STATUS_BAD_INPUT = 66, /* no input, or not readable as a dump */
    STATUS_INTERNAL = 70,
    STATUS_INCONCLUSIVE = 71,
};

struct command {
    const char *name;
    const char *arguments; /* what follows the name in the usage line */
    const char *summary;   /* one line, no full stop */
    int (*run)(int argc, char **argv);
    int hidden; /* not shown in --help: for the tracker's own use */
};

int cmd_run(int argc, char **argv);
int cmd_snapshot(int argc, char **argv);
int cmd_tasks(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_mark(int argc, char **argv);
int cmd_off(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_at_exit(int argc, char **argv);

struct rule_files;

/* Renders one dump as `ctxtrace report FILE --format=F[:PATH]` would.
 * `formats` is NULL-terminated; NULL or empty means text on stdout. `rules` may be NULL. */
int report_file(const char *path, const char *const *formats, const struct rule_files *rules);

#endif
