/* SPDX-License-Identifier: MIT */
/*
 * The symbolizer against addr2line, on every few bytes of two programs, and on
 * the states that a file can be in: debug info elsewhere, none, a wrong
 * build-id, gone, cut short.
 *
 * Usage: test_symbolize C_PROGRAM CPP_PROGRAM
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <gelf.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "report/symbolize.h"

#define ADDRESS_STEP     5
#define C_ADDRESSES_MIN  100
#define ADDRESSES_MIN    500
#define CUT_STEPS        48
#define CUT_ADDRESS_STEP 64
#define BUILD_ID_ROOM    128
#define LINE_ROOM        8192
#define SPEED_FUNCTIONS  2000
#define SPEED_LOOK_UPS   10000

static const char *c_program;
static const char *cpp_program;
static char folder[] = "/tmp/test_symbolize.XXXXXX";

static void __attribute__((format(printf, 1, 2))) shell(const char *format, ...)
{
    char command[4096];
    va_list arguments;
    int status;

    va_start(arguments, format);
    vsnprintf(command, sizeof(command), format, arguments);
    va_end(arguments);
    status = system(command);
    if (status)
        fail_msg("failed: %s", command);
}

static char *path_in_folder(char *buffer, const char *name)
{
    snprintf(buffer, PATH_MAX, "%s/%s", folder, name);
    return buffer;
}

struct elf_summary {
    uint64_t text_start;
    uint64_t text_end;
    char build_id[BUILD_ID_ROOM];
};

static void build_id_take(Elf_Data *data, char *ret_text)
{
    GElf_Nhdr note;
    size_t name;
    size_t description;
    size_t next = 0;

    while ((next = gelf_getnote(data, next, &note, &name, &description)) > 0) {
        if (note.n_type != NT_GNU_BUILD_ID)
            continue;
        for (size_t i = 0; i < note.n_descsz; i++)
            sprintf(ret_text + 2 * i, "%02x", ((unsigned char *)data->d_buf)[description + i]);
    }
}

static struct elf_summary elf_summarise(const char *path)
{
    struct elf_summary summary = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    Elf_Scn *section = NULL;
    size_t names;
    Elf *elf;

    elf_version(EV_CURRENT);
    elf = elf_begin(fd, ELF_C_READ, NULL);
    assert_non_null(elf);
    assert_int_equal(elf_getshdrstrndx(elf, &names), 0);
    while ((section = elf_nextscn(elf, section))) {
        GElf_Shdr header;
        const char *name;

        gelf_getshdr(section, &header);
        name = elf_strptr(elf, names, header.sh_name);
        if (strcmp(name, ".text") == 0) {
            summary.text_start = header.sh_addr;
            summary.text_end = header.sh_addr + header.sh_size;
        } else if (strcmp(name, ".note.gnu.build-id") == 0) {
            build_id_take(elf_getdata(section, NULL), summary.build_id);
        }
    }
    elf_end(elf);
    close(fd);
    return summary;
}

/* --- against addr2line ------------------------------------------------- */

/* Every few bytes of every function: between functions there is padding, which
 * addr2line gives to the function before. */
static void addresses_write(const char *program, const char *list)
{
    char command[PATH_MAX + 64];
    unsigned long long start;
    unsigned long long size;
    FILE *addresses = fopen(list, "w");
    FILE *symbols;

    snprintf(command, sizeof(command),
             "nm -S --defined-only '%s' | awk 'NF == 4 && $3 ~ /[tTwW]/ {print $1, $2}'", program);
    symbols = popen(command, "r");
    while (fscanf(symbols, "%llx %llx", &start, &size) == 2) {
        for (unsigned long long a = start; a < start + size; a += ADDRESS_STEP)
            fprintf(addresses, "%#llx\n", a);
    }
    fclose(addresses);
    pclose(symbols);
}

/* "/dir/file.c:12 (discriminator 3)" -> "/dir/file.c", 12; unknown -> 0. */
static unsigned place_split(char *place)
{
    char *colon = strrchr(place, ':');

    if (!colon)
        return 0;
    *colon = 0;
    return (unsigned)strtoul(colon + 1, NULL, 10);
}

/* Habits of addr2line that are no truths: it says which clone or part of a
 * function it is, and names a C++ function of local linkage sometimes in full
 * and sometimes barely; we always in full. */
static bool function_is_same(const char *ours, const char *theirs)
{
    size_t length = strlen(ours);
    char bare[LINE_ROOM];
    const char *found;

    if (strncmp(ours, theirs, length) == 0 &&
        (!theirs[length] || strcmp(theirs + length, ".cold") == 0 ||
         strncmp(theirs + length, " [clone ", 8) == 0))
        return true;
    length = strcspn(theirs, "<");
    snprintf(bare, sizeof(bare), "::%.*s", (int)length, theirs);
    found = strstr(ours, bare);
    return found && strchr("(<", found[strlen(bare)]);
}

static bool frame_is_same(const struct symbol_frame *frame, const char *function, char *place)
{
    unsigned line = place_split(place);

    if (!function_is_same(frame->function ? frame->function : "??", function))
        return false;
    /* Without debug info addr2line offers the object file's name. */
    return frame->line == line && (!line || strcmp(frame->file ? frame->file : "??", place) == 0);
}

/* Compares one address's frames. addr2line's next line stays in `next`. */
static bool frames_are_same(const struct symbol_frames *frames, FILE *expected, char *next,
                            size_t room)
{
    char function[LINE_ROOM];
    size_t count = 0;
    bool same = true;

    while (fgets(function, sizeof(function), expected)) {
        function[strcspn(function, "\n")] = 0;
        if (strncmp(function, "0x", 2) == 0) {
            snprintf(next, room, "%s", function);
            return same && count == frames->count;
        }
        assert_non_null(fgets(next, (int)room, expected));
        next[strcspn(next, "\n")] = 0;
        same =
            same && count < frames->count && frame_is_same(&frames->items[count], function, next);
        count++;
    }
    *next = 0; /* that was the last address */
    return same && count == frames->count;
}

static const char *file_name(const char *path)
{
    return path ? basename(path) : "??";
}

/* binutils loses a frame or takes the wrong file table now and then: where it
 * differs from us LLVM decides, by places alone (it spells names otherwise). */
static bool second_opinion_agrees(const char *program, uint64_t address,
                                  const struct symbol_frames *frames)
{
    char command[PATH_MAX + 128];
    char line[LINE_ROOM];
    size_t count = 0;
    bool same = true;
    FILE *output;

    snprintf(command, sizeof(command),
             "$(command -v llvm-symbolizer || command -v llvm-symbolizer-14 || echo false)"
             " -i --no-demangle --output-style=GNU -e '%s' %#jx",
             program, (uintmax_t)address);
    output = popen(command, "r");
    while (fgets(line, sizeof(line), output) && fgets(line, sizeof(line), output)) {
        same = same && count < frames->count && place_split(line) == frames->items[count].line &&
               strcmp(basename(line), file_name(frames->items[count].file)) == 0;
        count++;
    }
    pclose(output);
    return same && count == frames->count;
}

static void frames_print(uint64_t address, const struct symbol_frames *frames)
{
    print_error("unexplained difference at %#jx; ours:\n", (uintmax_t)address);
    for (size_t i = 0; i < frames->count; i++)
        print_error("    %s %s:%u\n", frames->items[i].function, frames->items[i].file,
                    frames->items[i].line);
}

struct comparison {
    size_t addresses;
    size_t inlined;
    size_t outvoted; /* addr2line against the two of us */
    size_t unexplained;
};

static struct comparison frames_compare_all(const char *program, struct symbolizer *s, int module,
                                            FILE *expected)
{
    struct comparison result = {0};
    char next[LINE_ROOM];

    assert_non_null(fgets(next, sizeof(next), expected));
    while (*next) {
        uint64_t address = strtoull(next, NULL, 16);
        const struct symbol_frames *frames = symbolizer_look_up(s, module, address);

        result.addresses++;
        result.inlined += frames->count > 1;
        if (frames_are_same(frames, expected, next, sizeof(next)))
            continue;
        if (second_opinion_agrees(program, address, frames)) {
            result.outvoted++;
            continue;
        }
        result.unexplained++;
        frames_print(address, frames);
    }
    return result;
}

static void program_compare(const char *program, size_t addresses_min)
{
    char list[PATH_MAX];
    char command[2 * PATH_MAX + 64];
    struct elf_summary elf = elf_summarise(program);
    struct symbolizer *s = symbolizer_new(NULL);
    int module = symbolizer_add_module(s, program, elf.build_id);
    struct comparison result;
    FILE *expected;

    addresses_write(program, path_in_folder(list, "addresses"));
    snprintf(command, sizeof(command), "addr2line -a -i -f -C -e '%s' < %s", program, list);
    expected = popen(command, "r");
    result = frames_compare_all(program, s, module, expected);
    pclose(expected);
    print_message("%s: %zu addresses, %zu with inlined frames, %zu where LLVM agrees with us "
                  "against addr2line\n",
                  program, result.addresses, result.inlined, result.outvoted);
    assert_null(symbolizer_complaint(s, module));
    assert_int_equal(result.unexplained, 0);
    assert_true(result.addresses >= addresses_min);
    assert_true(result.inlined > 0);
    symbolizer_free(s);
}

static void test_c_equals_addr2line(void **state)
{
    program_compare(c_program, C_ADDRESSES_MIN);
}

static void test_cpp_equals_addr2line(void **state)
{
    program_compare(cpp_program, ADDRESSES_MIN);
}

/* --- debug info elsewhere ---------------------------------------------- */

static void test_debuglink(void **state)
{
    char stripped[PATH_MAX];
    char debug[PATH_MAX];

    shell("mkdir -p %s/link/.debug", folder);
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
    assert_true(with_lines > ADDRESSES_MIN);
    symbolizer_free(s);
}

static void build_id_folder_make(const char *program, const char *build_id)
{
    shell("mkdir -p %s/root/.build-id/%.2s", folder, build_id);
    shell("objcopy --only-keep-debug '%s' %s/root/.build-id/%.2s/%s.debug", program, folder,
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

    assert_true(lines_count(s, module, &elf) > ADDRESSES_MIN);
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
    assert_true(lines_count(s, module, &elf) > ADDRESSES_MIN);
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

static int folder_make(void **state)
{
    return mkdtemp(folder) ? 0 : -1;
}

static int entry_remove(const char *path, const struct stat *facts, int type, struct FTW *place)
{
    return remove(path);
}

static int folder_remove(void **state)
{
    return nftw(folder, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_c_equals_addr2line),
        cmocka_unit_test(test_cpp_equals_addr2line),
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

    if (argc != 3) {
        fprintf(stderr, "usage: %s C_PROGRAM CPP_PROGRAM\n", argv[0]);
        return 2;
    }
    c_program = argv[1];
    cpp_program = argv[2];
    /* A server far away must not decide over a unit test. */
    unsetenv("DEBUGINFOD_URLS");
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
