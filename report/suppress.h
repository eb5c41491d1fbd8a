/* SPDX-License-Identifier: MIT */
/*
 * Rules at work: which findings are not to be told, and what became of each rule.
 *
 * A finding that is hidden is not gone: it moves to report->suppressed and names its
 * rule. Rules are tried in the order of the command line's files, those that the dump was
 * taken with, the program's own, and the built-in ones; the first that fits a finding has
 * it. What a rule says of its own end (max=, until=) is judged by the dump, not by
 * today's date, so that a dump has one report.
 */
#ifndef REPORT_SUPPRESS_H
#define REPORT_SUPPRESS_H

#include "report.h"

/* After the detectors, and before anything is counted. */
void report_suppress(struct report *report);

/* How many findings are hidden by rules of a file or the program, by how many of these;
 * and by built-in rules. */
struct suppressed_counts {
    unsigned groups, rules, built_in;
};
struct suppressed_counts suppressed_count(const struct report *report);

/* Rules that somebody should look at: unused, lapsed or bad. Built-in ones never are. */
bool rule_is_debt(const struct rule *rule);

/* What is held in contexts in which everything is meant to be. */
uint64_t ignored_count(const struct report *report);

#endif
