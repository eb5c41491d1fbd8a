/* SPDX-License-Identifier: MIT */
/*
 * The sorted table of functions that a static program's linker leaves out: made from the
 * .eh_frame of its file, whose bytes are those in memory. libunwind reads it where we say that
 * it lies (`LIVE_TABLE_AT`: no program has memory there).
 */
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "live_module.h"
#include "live_unwind.h"
#include "pool.h"

enum {
    PATH_ROOM = 64,
    /* DW_EH_PE: how a function's beginning is written. */
    POINTER_ABSOLUTE = 0x00,
    POINTER_SIGNED_4 = 0x0b,
    POINTER_UNSIGNED_4 = 0x03,
    POINTER_FORMAT = 0x0f,
    POINTER_FROM_HERE = 0x10,
    POINTER_BASE = 0x70,
    ENTRIES_FIRST = 256,
};

struct frames {
    const Elf_Data *data;
    uint64_t address; /* of the section, in the file's terms */
    struct live_module *module;
    size_t room;
};

/* How the descriptions under this CIE write addresses; -1: in a way we do not know. */
static int encoding_of(const Dwarf_CIE *cie)
{
    const uint8_t *data = cie->augmentation_data;
    const uint8_t *end = data + cie->augmentation_data_size;

    if (cie->augmentation[0] != 'z')
        return cie->augmentation[0] ? -1 : POINTER_ABSOLUTE;
    for (const char *letter = cie->augmentation + 1; *letter; letter++) {
        if (data >= end && *letter != 'S' && *letter != 'B')
            return -1;
        if (*letter == 'R')
            return *data;
        if (*letter == 'L')
            data++;
        else if (*letter == 'P')
            data += 1 + ((*data & POINTER_FORMAT) == POINTER_ABSOLUTE ? 8 : 4);
        else if (*letter != 'S' && *letter != 'B')
            return -1;
    }
    return POINTER_ABSOLUTE;
}

/* Where the described function begins, in the file's terms; false: not known. */
static bool start_read(const struct frames *frames, const Dwarf_FDE *fde, int encoding,
                       uint64_t *ret)
{
    uint64_t at = frames->address + (uint64_t)(fde->start - (const uint8_t *)frames->data->d_buf);
    int32_t near;

    if (fde->end - fde->start < (ptrdiff_t)sizeof(*ret))
        return false;
    memcpy(&near, fde->start, sizeof(near));
    switch (encoding & POINTER_FORMAT) {
    case POINTER_SIGNED_4:
        *ret = (uint64_t)(int64_t)near;
        break;
    case POINTER_UNSIGNED_4:
        *ret = (uint32_t)near;
        break;
    case POINTER_ABSOLUTE:
        memcpy(ret, fde->start, sizeof(*ret));
        break;
    default:
        return false;
    }
    if ((encoding & POINTER_BASE) == POINTER_FROM_HERE)
        *ret += at;
    return encoding >= 0 && (encoding & ~(POINTER_FORMAT | POINTER_FROM_HERE)) == 0;
}

static void entry_add(struct frames *frames, uint64_t start, Dwarf_Off offset)
{
    struct live_module *module = frames->module;

    if (module->table_entries == frames->room) {
        frames->room = frames->room ? frames->room * 2 : ENTRIES_FIRST;
        module->built = xrealloc(module->built, frames->room, sizeof(*module->built));
    }
    module->built[module->table_entries++] = (struct live_table_entry){
        .start = (int32_t)(start + module->bias - module->segment),
        .description = (int32_t)(frames->address + offset + module->bias - module->segment),
    };
}

static void frames_read(struct frames *frames, const unsigned char *ident)
{
    Dwarf_Off offset = 0;
    Dwarf_Off next;
    Dwarf_CFI_Entry entry;

    while (dwarf_next_cfi(ident, (Elf_Data *)frames->data, true, offset, &next, &entry) == 0) {
        Dwarf_Off cie_next;
        Dwarf_CFI_Entry cie;
        uint64_t start;

        if (!dwarf_cfi_cie_p(&entry) &&
            dwarf_next_cfi(ident, (Elf_Data *)frames->data, true, entry.fde.CIE_pointer, &cie_next,
                           &cie) == 0 &&
            dwarf_cfi_cie_p(&cie) && start_read(frames, &entry.fde, encoding_of(&cie.cie), &start))
            entry_add(frames, start, offset);
        offset = next;
    }
}

static int entry_order(const void *a, const void *b)
{
    int32_t left = ((const struct live_table_entry *)a)->start;
    int32_t right = ((const struct live_table_entry *)b)->start;

    return (left > right) - (left < right);
}

/* The mapping itself, whatever has become of the name; else (the former takes a
 * capability) the program, if it is that. */
static int file_open(const struct live_memory *memory, const struct live_module *module)
{
    const struct live_map *map = live_map_find(memory, module->start);
    char path[PATH_ROOM];
    struct stat facts;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/map_files/%jx-%jx", memory->pid, (uintmax_t)map->start,
             (uintmax_t)map->end);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    snprintf(path, sizeof(path), "/proc/%d/exe", memory->pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, &facts) < 0 || facts.st_ino != module->inode)) {
        close(fd);
        return -1;
    }
    return fd;
}

static void sections_read(struct live_module *module, Elf *elf)
{
    Elf_Scn *section = NULL;
    size_t names;

    if (elf_getshdrstrndx(elf, &names) < 0)
        return;
    while ((section = elf_nextscn(elf, section))) {
        struct frames frames = {.module = module};
        const char *name;
        GElf_Shdr header;

        if (!gelf_getshdr(section, &header))
            continue;
        name = elf_strptr(elf, names, header.sh_name);
        if (!name || strcmp(name, ".eh_frame") != 0 || header.sh_type == SHT_NOBITS)
            continue;
        frames.data = elf_rawdata(section, NULL);
        frames.address = header.sh_addr;
        if (frames.data)
            frames_read(&frames, (const unsigned char *)elf_getident(elf, NULL));
    }
}

void live_table_build(struct live_memory *memory, struct live_module *module)
{
    uint64_t number = 0;
    int fd = file_open(memory, module);
    Elf *elf;

    if (fd < 0)
        return;
    elf_version(EV_CURRENT);
    /* Read, not mapped: a file that somebody cuts must not become a SIGBUS. */
    elf = elf_begin(fd, ELF_C_READ, NULL);
    module->segment = module->start;
    if (elf && elf_kind(elf) == ELF_K_ELF)
        sections_read(module, elf);
    for (const struct live_module *m = memory->modules; m; m = m->next)
        number += m->built != NULL;
    if (module->table_entries) {
        qsort(module->built, module->table_entries, sizeof(*module->built), entry_order);
        module->table = LIVE_TABLE_AT + (number << LIVE_TABLE_SHIFT);
    }
    elf_end(elf);
    close(fd);
}
