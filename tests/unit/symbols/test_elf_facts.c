/* SPDX-License-Identifier: MIT */
/*
 * The facts of programs that every Debian has, of programs that this test
 * makes, and of files that are damaged: what decides whether the tracker can
 * be loaded.
 */
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "report/elf_facts.h"

#define CUT_STEPS 40

static char folder[] = "/tmp/test_elf_facts.XXXXXX";

static char *in_folder(char *buffer, const char *name)
{
    snprintf(buffer, PATH_MAX, "%s/%s", folder, name);
    return buffer;
}

/* Compiles `text` with `flags`; false when this host's compiler cannot. */
static bool program_make(char *ret_path, const char *name, const char *text, const char *flags)
{
    char source[PATH_MAX + 2];
    char command[4 * PATH_MAX];
    FILE *file;

    snprintf(source, sizeof(source), "%s.c", in_folder(ret_path, name));
    file = fopen(source, "w");
    fputs(text, file);
    fclose(file);
    snprintf(command, sizeof(command), "cc -o %s %s %s >/dev/null 2>&1", ret_path, source, flags);
    return system(command) == 0;
}

static void test_self(void **state)
{
    struct elf_facts facts;

    assert_int_equal(elf_facts_read(&facts, "/proc/self/exe"), ELF_FACTS_OK);
    assert_true(facts.dynamic);
    assert_false(facts.script);
    assert_false(facts.go);
    assert_non_null(strstr(facts.interpreter, "ld-"));
    assert_true(facts.needed_count >= 2);
    assert_int_equal(preload_judge(&facts, &facts), PRELOAD_WORKS);
    elf_facts_clear(&facts);
}

static void test_static(void **state)
{
    struct elf_facts ours;
    struct elf_facts facts;
    char path[PATH_MAX];

    if (!program_make(path, "static", "int main(void) { return 0; }", "-static"))
        skip();
    elf_facts_read(&ours, "/proc/self/exe");
    assert_int_equal(elf_facts_read(&facts, path), ELF_FACTS_OK);
    assert_false(facts.dynamic);
    assert_int_equal(preload_judge(&facts, &ours), PRELOAD_STATIC);
    /* Ignored, not harmful: its children may be dynamic. */
    assert_false(preload_is_harmful(PRELOAD_STATIC));
    elf_facts_clear(&facts);
    elf_facts_clear(&ours);
}

static void test_other_libc(void **state)
{
    struct elf_facts ours;
    struct elf_facts facts;
    char path[PATH_MAX];

    if (!program_make(path, "musl", "int main(void) { return 0; }",
                      "-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1"))
        skip();
    elf_facts_read(&ours, "/proc/self/exe");
    assert_int_equal(elf_facts_read(&facts, path), ELF_FACTS_OK);
    assert_string_equal(facts.interpreter, "/lib/ld-musl-x86_64.so.1");
    assert_int_equal(preload_judge(&facts, &ours), PRELOAD_OTHER_LIBC);
    assert_true(preload_is_harmful(PRELOAD_OTHER_LIBC));
    elf_facts_clear(&facts);
    elf_facts_clear(&ours);
}

static void test_verdicts(void **state)
{
    static const struct {
        struct elf_facts facts;
        enum preload_verdict verdict;
    } rows[] = {
        {{.class = ELFCLASS64, .machine = EM_X86_64, .dynamic = true, .interpreter = "/a/ld.so"},
         PRELOAD_WORKS},
        {{.class = ELFCLASS32, .machine = EM_386, .dynamic = true, .interpreter = "/a/ld.so"},
         PRELOAD_OTHER_CLASS},
        {{.class = ELFCLASS32, .machine = EM_386}, PRELOAD_STATIC},
        {{.class = ELFCLASS64, .machine = EM_AARCH64, .dynamic = true, .interpreter = "/a/ld.so"},
         PRELOAD_OTHER_MACHINE},
        {{.class = ELFCLASS64, .machine = EM_X86_64, .dynamic = true, .interpreter = "/b/ld.so"},
         PRELOAD_WORKS},
        {{.class = ELFCLASS64, .machine = EM_X86_64, .dynamic = true, .interpreter = "/a/ld2.so"},
         PRELOAD_OTHER_LIBC},
        {{.class = ELFCLASS64,
          .machine = EM_X86_64,
          .dynamic = true,
          .interpreter = "/a/ld.so",
          .privileged = true},
         PRELOAD_PRIVILEGED},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(preload_judge(&rows[i].facts, &rows[0].facts), rows[i].verdict);
}

static void test_allocator_and_sanitizer(void **state)
{
    struct elf_facts facts;
    char path[PATH_MAX];

    assert_true(program_make(path, "jemalloc",
                             "#include <stdlib.h>\nvoid *je_malloc(size_t n);\n"
                             "void *je_malloc(size_t n) { return 0; }\n"
                             "void *malloc(size_t n) { return je_malloc(n); }\n"
                             "int main(void) { return 0; }",
                             "-fno-builtin"));
    assert_int_equal(elf_facts_read(&facts, path), ELF_FACTS_OK);
    assert_string_equal(facts.allocator, "jemalloc");
    assert_string_equal(facts.sanitizer, "");
    elf_facts_clear(&facts);

    if (!program_make(path, "asan", "int main(void) { return 0; }", "-fsanitize=address"))
        skip();
    assert_int_equal(elf_facts_read(&facts, path), ELF_FACTS_OK);
    assert_non_null(strstr(facts.sanitizer, "libasan.so"));
    elf_facts_clear(&facts);
}

static void test_debug_info(void **state)
{
    struct elf_facts facts;
    char path[PATH_MAX];

    assert_true(program_make(path, "plain", "int main(void) { return 0; }", "-g"));
    assert_int_equal(elf_facts_read(&facts, path), ELF_FACTS_OK);
    assert_true(facts.debug_info && facts.symtab);
    elf_facts_clear(&facts);

    assert_true(
        program_make(path, "bare", "int main(void) { return 0; }", "-s -Wl,--build-id=0xabcdef01"));
    assert_int_equal(elf_facts_read(&facts, path), ELF_FACTS_OK);
    assert_false(facts.debug_info || facts.symtab);
    assert_string_equal(facts.build_id, "abcdef01");
    elf_facts_clear(&facts);
}

static void test_scripts(void **state)
{
    static const struct {
        const char *text;
        int result;
    } rows[] = {
        {"#!/bin/sh\n", ELF_FACTS_OK}, {"#! \t/bin/sh -e\necho\n", ELF_FACTS_OK},
        {"#!/bin/sh", ELF_FACTS_OK},   {"#!/nonexistent/shell\n", ELF_FACTS_MISSING},
        {"#!\n", ELF_FACTS_NOT_ELF},   {"echo hello\n", ELF_FACTS_NOT_ELF},
        {"", ELF_FACTS_NOT_ELF},
    };
    struct elf_facts facts;
    char path[PATH_MAX];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        FILE *file = fopen(in_folder(path, "script"), "w");

        fputs(rows[i].text, file);
        fclose(file);
        assert_int_equal(elf_facts_read(&facts, path), rows[i].result);
        assert_int_equal(facts.script, rows[i].result < ELF_FACTS_NO_EXEC);
        elf_facts_clear(&facts);
    }
}

/* A script that is its own interpreter must not be followed for ever. */
static void test_script_loop(void **state)
{
    struct elf_facts facts;
    char path[PATH_MAX];
    FILE *file = fopen(in_folder(path, "loop"), "w");

    fprintf(file, "#!%s\n", path);
    fclose(file);
    assert_int_equal(elf_facts_read(&facts, path), ELF_FACTS_NOT_ELF);
    elf_facts_clear(&facts);
}

static void test_not_programs(void **state)
{
    struct elf_facts facts;
    char path[PATH_MAX];

    assert_int_equal(elf_facts_read(&facts, "/nonexistent"), ELF_FACTS_MISSING);
    elf_facts_clear(&facts);
    assert_int_equal(elf_facts_read(&facts, "/tmp"), ELF_FACTS_NO_EXEC);
    elf_facts_clear(&facts);
    assert_int_equal(mkfifo(in_folder(path, "fifo"), 0600), 0);
    assert_int_equal(elf_facts_read(&facts, path), ELF_FACTS_NO_EXEC);
    elf_facts_clear(&facts);
    assert_false(program_find("no-such-program-anywhere", path));
    assert_false(program_find("/tmp", path));
    assert_true(program_find("sh", path));
    assert_int_equal(path[0], '/');
}

static void test_cut_files(void **state)
{
    struct elf_facts facts;
    struct stat size;
    char path[PATH_MAX];
    char command[3 * PATH_MAX];

    assert_int_equal(stat("/proc/self/exe", &size), 0);
    for (off_t i = 0; i < CUT_STEPS; i++) {
        snprintf(command, sizeof(command), "cp /proc/%d/exe %s", getpid(), in_folder(path, "cut"));
        assert_int_equal(system(command), 0);
        assert_int_equal(truncate(path, size.st_size * i / CUT_STEPS), 0);
        assert_true(elf_facts_read(&facts, path) >= 0);
        elf_facts_clear(&facts);
    }
}

static int folder_make(void **state)
{
    return mkdtemp(folder) ? 0 : -1;
}

static int folder_remove(void **state)
{
    char command[PATH_MAX];

    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_self),
        cmocka_unit_test(test_static),
        cmocka_unit_test(test_other_libc),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_allocator_and_sanitizer),
        cmocka_unit_test(test_debug_info),
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_script_loop),
        cmocka_unit_test(test_not_programs),
        cmocka_unit_test(test_cut_files),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
