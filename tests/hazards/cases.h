/* SPDX-License-Identifier: MIT */
/*
 * A hazard program holds several cases, one per argument. A case prints what it
 * observes; run_hazards.py runs it with and without the tracker and wants the same
 * output and status. `PROGRAM --list` prints the cases.
 */
#ifndef TESTS_HAZARDS_CASES_H
#define TESTS_HAZARDS_CASES_H

#include <stdio.h>
#include <string.h>

struct hazard_case {
    const char *name;
    int (*run)(void); /* the exit status */
};

static inline int run_case(const struct hazard_case *cases, int count, int argc, char **argv)
{
    const char *wanted = argc > 1 ? argv[1] : "--list";

    for (int i = 0; i < count; i++) {
        if (!strcmp(wanted, "--list"))
            puts(cases[i].name);
        else if (!strcmp(wanted, cases[i].name))
            return cases[i].run();
    }
    return strcmp(wanted, "--list") ? 64 : 0;
}

#define RUN_CASES(cases, argc, argv)                                                               \
    run_case(cases, (int)(sizeof(cases) / sizeof(cases[0])), argc, argv)

#endif
