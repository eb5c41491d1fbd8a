/* SPDX-License-Identifier: MIT */
/*
 * What both tests of the symbolizer need: a folder of their own, a shell, and
 * the facts of an ELF file that they check against.
 */
#ifndef SYMBOLS_SUPPORT_H
#define SYMBOLS_SUPPORT_H

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define BUILD_ID_ROOM 128

struct elf_summary {
    uint64_t text_start;
    uint64_t text_end;
    char build_id[BUILD_ID_ROOM];
};

extern const char *c_program;
extern const char *cpp_program;

/* Runs a command; a failure fails the test. */
void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* `buffer` has PATH_MAX bytes and is returned. */
char *path_in_folder(char *buffer, const char *name);
const char *test_folder(void);

struct elf_summary elf_summarise(const char *path);

/* Group fixtures: the folder. */
int folder_make(void **state);
int folder_remove(void **state);

/* Takes C_PROGRAM and CPP_PROGRAM from the command line; false: usage. */
bool programs_take(int argc, char **argv);

#endif
