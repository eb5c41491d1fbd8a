/* SPDX-License-Identifier: MIT */
/*
 * The parts of `ctxtrace doctor`. A check looks at one thing and says one line:
 * how it is, and what that means for tracing. doctor_host.c has the checks of
 * this machine and installation, doctor_app.c those of one program or process.
 */
#ifndef REPORT_DOCTOR_H
#define REPORT_DOCTOR_H

#include "elf_facts.h"
#include "process_facts.h"

enum doctor_level { DOCTOR_OK, DOCTOR_WARN, DOCTOR_BAD };

struct doctor {
    enum doctor_level worst;
    char library[PATH_MAX];
    struct elf_facts ours; /* of this command: the measure for class and libc */
    const char *app;       /* as it was named */
    char app_path[PATH_MAX];
    struct elf_facts app_facts;
    struct process_facts process;
};

typedef void doctor_check(struct doctor *doctor);

void doctor_say(struct doctor *doctor, enum doctor_level level, const char *subject,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

/* NULL-terminated. */
extern doctor_check *const doctor_host_checks[];
extern doctor_check *const doctor_app_checks[];
extern doctor_check *const doctor_process_checks[];

/* Whether debug info for an ELF file is in it or installed by its build-id. */
bool debug_info_is_there(const struct elf_facts *facts);

#endif
