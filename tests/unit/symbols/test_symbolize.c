/* SPDX-License-Identifier: MIT */
/*
 * The symbolizer on the states that a file can be in: debug info elsewhere,
 * none, a wrong build-id, gone, cut short, damaged. And how fast it is.
 *
 * Usage: test_symbolize C_PROGRAM CPP_PROGRAM
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "report/symbolize.h"
#include "support.h"

#define ADDRESS_STEP     3
#define LINES_MIN        500
#define CUT_STEPS        48
#define CUT_ADDRESS_STEP 64
#define SPEED_FUNCTIONS  2000
#define SPEED_LOOK_UPS   10000

/* --- debug info elsewhere ---------------------------------------------- */

static void test_debuglink(void **state)
{
    char stripped[PATH_MAX];
    char debug[PATH_MAX];

    shell("mkdir -p %s/link/.debug", test_folder());
    path_in_folder(stripped, "link/program");
    path_in_folder(debug, "link/.debug/program.debug");
    shell("objcopy --only-keep-debug '%s' %s", cpp_program, debug);
    /* Without its build-id only the link and its CRC can find the file. */
    shell("objcopy --strip-all --remove-section=.note.gnu.build-id '%s' %s", cpp_program, stripped);
    shell("objcopy --add-gnu-debuglink=%s %s", debug, stripped);

    struct symbolizer *s = symbolizer_new(NULL);
    struct elf_summary elf = elf_summarise(cpp_program);
    int module = symbolizer_add_module(s, stripped, NULL);
    const struct symbol_frames *frames;
    size_t with_lines = 0;

    for (uint64_t a = elf.text_start; a < elf.text_end; a += ADDRESS_STEP) {
        frames = symbolizer_look_up(s, module, a);
        with_lines += frames->items[0].line > 0;
    }
    assert_null(symbolizer_complaint(s, module));
    assert_true(with_lines > LINES_MIN);
    symbolizer_free(s);
}

static void build_id_folder_make(const char *program, const char *build_id)
{
    shell("mkdir -p %s/root/.build-id/%.2s", test_folder(), build_id);
    shell("objcopy --only-keep-debug '%s' %s/root/.build-id/%.2s/%s.debug", program, test_folder(),
          build_id, build_id + 2);
}

static size_t lines_count(struct symbolizer *s, int module, const struct elf_summary *elf)
{
    size_t count = 0;

    for (uint64_t a = elf->text_start; a < elf->text_end; a += ADDRESS_STEP)
        count += symbolizer_look_up(s, module, a)->items[0].line > 0;
    return count;
}

static void test_build_id_folder(void **state)
{
    char stripped[PATH_MAX];
    char root[PATH_MAX];
    struct elf_summary elf = elf_summarise(cpp_program);
    const char *const dirs[] = {path_in_folder(root, "root"), NULL};
    struct symbolizer *s = symbolizer_new(&(struct symbolizer_options){.debug_dirs = dirs});

    build_id_folder_make(cpp_program, elf.build_id);
    shell("objcopy --strip-all '%s' %s", cpp_program, path_in_folder(stripped, "stripped"));
    int module = symbolizer_add_module(s, stripped, elf.build_id);

    assert_true(lines_count(s, module, &elf) > LINES_MIN);
    assert_null(symbolizer_complaint(s, module));
    symbolizer_free(s);
}

/* The program was replaced while it ran; its debug file is still there. */
static void test_debug_file_stands_in(void **state)
{
    char root[PATH_MAX];
    struct elf_summary elf = elf_summarise(cpp_program);
    const char *const dirs[] = {path_in_folder(root, "root"), NULL};
    struct symbolizer *s = symbolizer_new(&(struct symbolizer_options){.debug_dirs = dirs});
    int module = symbolizer_add_module(s, c_program, elf.build_id);

    build_id_folder_make(cpp_program, elf.build_id);
    assert_true(lines_count(s, module, &elf) > LINES_MIN);
    assert_null(symbolizer_complaint(s, module));
    symbolizer_free(s);
}

/* --- less than debug info ---------------------------------------------- */

static uint64_t symbol_address(const char *program, const char *name)
{
    char command[PATH_MAX + 64];
    unsigned long long address = 0;
    FILE *output;

    snprintf(command, sizeof(command), "nm '%s' | grep ' [tT] %s$'", program, name);
    output = popen(command, "r");
    assert_int_equal(fscanf(output, "%llx", &address), 1);
    pclose(output);
    return address;
}

static void test_symbols_only(void **state)
{
    char path[PATH_MAX];
    uint64_t address = symbol_address(c_program, "item_new");
    struct symbolizer *s = symbolizer_new(NULL);
    const struct symbol_frames *frames;

    shell("objcopy --strip-debug '%s' %s", c_program, path_in_folder(path, "no-debug"));
    int module = symbolizer_add_module(s, path, NULL);

    frames = symbolizer_look_up(s, module, address + 4);
    assert_int_equal(frames->count, 1);
    assert_string_equal(frames->items[0].function, "item_new");
    assert_int_equal(frames->items[0].offset, 4);
    assert_null(frames->items[0].file);
    assert_string_equal(symbolizer_complaint(s, module), "no debug info");
    symbolizer_free(s);
}

static void test_stripped(void **state)
{
    char path[PATH_MAX];
    uint64_t address = symbol_address(c_program, "item_new");
    struct symbolizer *s = symbolizer_new(NULL);

    shell("objcopy --strip-all '%s' %s", c_program, path_in_folder(path, "stripped-c"));
    int module = symbolizer_add_module(s, path, NULL);

    assert_null(symbolizer_look_up(s, module, address)->items[0].function);
    assert_int_equal(symbolizer_look_up(s, module, address)->items[0].offset, address);
    assert_non_null(strstr(symbolizer_complaint(s, module), "no debug info"));
    symbolizer_free(s);
}

/* The name that a person knows, with and without libc's debug file. */
static void test_libc_names(void **state)
{
    static const char *const names[] = {"malloc", "fopen", "open", "socket", "pthread_create"};
    static const char libc[] = "/lib/x86_64-linux-gnu/libc.so.6";
    static const char *const nowhere[] = {"/nonexistent", NULL};
    struct symbolizer *s[] = {
        symbolizer_new(NULL),
        symbolizer_new(&(struct symbolizer_options){.debug_dirs = nowhere}),
    };

    if (access(libc, R_OK) != 0)
        skip();
    for (size_t i = 0; i < 2; i++) {
        int module = symbolizer_add_module(s[i], libc, NULL);

        for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
            char command[PATH_MAX];
            unsigned long long address = 0;
            const struct symbol_frames *frames;
            FILE *output;

            snprintf(command, sizeof(command), "nm -D %s | grep ' [TW] %s@@'", libc, names[n]);
            output = popen(command, "r");
            assert_int_equal(fscanf(output, "%llx", &address), 1);
            pclose(output);
            frames = symbolizer_look_up(s[i], module, address);
            assert_string_equal(frames->items[frames->count - 1].function, names[n]);
        }
        symbolizer_free(s[i]);
    }
}

/* --- what cannot be used ------------------------------------------------ */

static void test_complaints(void **state)
{
    static const struct {
        const char *path;
        const char *build_id;
        const char *complaint;
    } rows[] = {
        {"[vdso]", "", "not a file"},
        {"/nonexistent/program (deleted)", "", "file is gone"},
        {"/dev/zero", "", "not a file"},
        {"/etc/passwd", "", "not a readable ELF file"},
        {"/bin/true", "0123456789abcdef0123456789abcdef01234567",
         "build-id differs from the file on disk"},
        {"/bin/true", "zz", "build-id differs from the file on disk"},
    };
    struct symbolizer *s = symbolizer_new(NULL);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int module = symbolizer_add_module(s, rows[i].path, rows[i].build_id);
        const struct symbol_frames *frames;

        assert_null(symbolizer_complaint(s, module));
        frames = symbolizer_look_up(s, module, 0x1234);
        assert_int_equal(frames->count, 1);
        assert_null(frames->items[0].function);
        assert_int_equal(frames->items[0].offset, 0x1234);
        assert_string_equal(symbolizer_complaint(s, module), rows[i].complaint);
    }
    assert_int_equal(symbolizer_look_up(s, -1, 7)->count, 1);
    assert_int_equal(symbolizer_look_up(s, 1000, 7)->count, 1);
    symbolizer_free(s);
}

static void file_look_up_all(const char *path, const struct elf_summary *elf)
{
    struct symbolizer *s = symbolizer_new(NULL);
    int module = symbolizer_add_module(s, path, NULL);

    for (uint64_t a = elf->text_start; a < elf->text_end; a += CUT_ADDRESS_STEP)
        assert_true(symbolizer_look_up(s, module, a)->count >= 1);
    symbolizer_free(s);
}

static void test_cut_files(void **state)
{
    char path[PATH_MAX];
    struct elf_summary elf = elf_summarise(cpp_program);
    struct stat facts;

    assert_int_equal(stat(cpp_program, &facts), 0);
    for (off_t i = 0; i < CUT_STEPS; i++) {
        shell("cp '%s' %s", cpp_program, path_in_folder(path, "cut"));
        assert_int_equal(truncate(path, facts.st_size * i / CUT_STEPS), 0);
        file_look_up_all(path, &elf);
    }
}

/* Bytes overwritten all over the file, always the same ones. */
static void test_damaged_files(void **state)
{
    char path[PATH_MAX];
    struct elf_summary elf = elf_summarise(cpp_program);
    struct stat facts;
    uint64_t random = 88172645463325252u;

    assert_int_equal(stat(cpp_program, &facts), 0);
    for (int round = 0; round < CUT_STEPS; round++) {
        int fd;

        shell("cp '%s' %s", cpp_program, path_in_folder(path, "damaged"));
        fd = open(path, O_WRONLY | O_CLOEXEC);
        for (int i = 0; i < 200; i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            /* Not the first bytes: without a magic nothing else is read. */
            assert_int_equal(pwrite(fd, &random, 2, 64 + (off_t)(random % (facts.st_size - 66))),
                             2);
        }
        close(fd);
        file_look_up_all(path, &elf);
    }
}

/* --- speed: printed, never judged ---------------------------------------- */

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void speed_program_make(const char *source, const char *program)
{
    FILE *file = fopen(source, "w");

    fputs("static inline int twist(int x) { return x * 31 + (x >> 3); }\n", file);
    for (int i = 0; i < SPEED_FUNCTIONS; i++)
        fprintf(file, "int f%d(int x)\n{\n    x += twist(x ^ %d);\n    return twist(x) %% 7;\n}\n",
                i, i);
    fputs("int main(void) { return 0; }\n", file);
    fclose(file);
    shell("cc -g -O1 -o %s %s", program, source);
}

static void test_speed(void **state)
{
    char source[PATH_MAX];
    char program[PATH_MAX];
    struct elf_summary elf;
    struct symbolizer *s;
    double start;
    int module;

    speed_program_make(path_in_folder(source, "speed.c"), path_in_folder(program, "speed"));
    elf = elf_summarise(program);
    s = symbolizer_new(NULL);
    module = symbolizer_add_module(s, program, elf.build_id);
    start = seconds_now();
    for (uint64_t i = 0; i < SPEED_LOOK_UPS; i++) {
        uint64_t span = elf.text_end - elf.text_start;

        symbolizer_look_up(s, module, elf.text_start + i * (span / SPEED_LOOK_UPS));
        if (i == 0)
            print_message("first look-up in a unit of %d functions: %.1f ms\n", SPEED_FUNCTIONS,
                          (seconds_now() - start) * 1e3);
    }
    print_message("%d distinct addresses: %.1f ms\n", SPEED_LOOK_UPS,
                  (seconds_now() - start) * 1e3);
    symbolizer_free(s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_debuglink),
        cmocka_unit_test(test_build_id_folder),
        cmocka_unit_test(test_debug_file_stands_in),
        cmocka_unit_test(test_symbols_only),
        cmocka_unit_test(test_stripped),
        cmocka_unit_test(test_libc_names),
        cmocka_unit_test(test_complaints),
        cmocka_unit_test(test_cut_files),
        cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_speed),
    };

    if (!programs_take(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
