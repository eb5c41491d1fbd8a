/* SPDX-License-Identifier: MIT */
/*
 * The symbolizer against addr2line: function, file and line of every frame,
 * inlined ones included, on every few bytes of two programs.
 *
 * Usage: test_addr2line C_PROGRAM CPP_PROGRAM
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/symbolize.h"
#include "support.h"

#define ADDRESS_STEP      5
#define C_ADDRESSES_MIN   100
#define ADDRESSES_MIN     500
#define LINE_ROOM         8192
#define DIFFERENCES_SHOWN 10

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

/* A path that the compiler was given relative stays so with us, while addr2line
 * puts the compiler's own folder before it. */
static bool file_is_same(const char *ours, const char *theirs)
{
    size_t ours_length = ours ? strlen(ours) : 0;
    size_t theirs_length = strlen(theirs);

    if (!ours || ours_length > theirs_length)
        return false;
    theirs += theirs_length - ours_length;
    return strcmp(ours, theirs) == 0 && (ours_length == theirs_length || theirs[-1] == '/');
}

static bool frame_is_same(const struct symbol_frame *frame, const char *function, char *place)
{
    unsigned line = place_split(place);

    if (!function_is_same(frame->function ? frame->function : "??", function))
        return false;
    /* Without debug info addr2line offers the object file's name. */
    return frame->line == line && (!line || file_is_same(frame->file, place));
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
        if (result.unexplained++ < DIFFERENCES_SHOWN)
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

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_c_equals_addr2line),
        cmocka_unit_test(test_cpp_equals_addr2line),
    };

    if (!programs_take(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
