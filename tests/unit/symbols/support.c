/* SPDX-License-Identifier: MIT */
/*
 * The fixtures of the symbolizer's tests: nothing here knows the symbolizer.
 */
#include "support.h"

#include <fcntl.h>
#include <ftw.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FTW_DESCRIPTORS 16

const char *c_program;
const char *cpp_program;
static char folder[] = "/tmp/test_symbolize.XXXXXX";

void shell(const char *format, ...)
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

char *path_in_folder(char *buffer, const char *name)
{
    snprintf(buffer, PATH_MAX, "%s/%s", folder, name);
    return buffer;
}

const char *test_folder(void)
{
    return folder;
}

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

struct elf_summary elf_summarise(const char *path)
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

int folder_make(void **state)
{
    return mkdtemp(folder) ? 0 : -1;
}

static int entry_remove(const char *path, const struct stat *facts, int type, struct FTW *place)
{
    return remove(path);
}

int folder_remove(void **state)
{
    return nftw(folder, entry_remove, FTW_DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
}

bool programs_take(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s C_PROGRAM CPP_PROGRAM\n", argv[0]);
        return false;
    }
    /* As a dump has them: absolute. */
    c_program = realpath(argv[1], NULL);
    cpp_program = realpath(argv[2], NULL);
    /* A server far away must not decide over a unit test. */
    unsetenv("DEBUGINFOD_URLS");
    return c_program && cpp_program;
}
