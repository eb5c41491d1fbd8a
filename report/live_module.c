/* SPDX-License-Identifier: MIT */
/*
 * See live_module.h.
 */
#include "live_module.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"

enum {
    HEADERS_MAX = 64,
    NOTES_BYTES_MAX = 4096,
    BUILD_ID_BYTES_MAX = 64,
    /* .eh_frame_hdr, as every linker writes it: version, encodings of a 4-byte pointer
     * from here, of a 4-byte count, and of a sorted table of 4-byte pairs. */
    INDEX_VERSION = 1,
    INDEX_FRAMES = 0x1b,
    INDEX_COUNT = 0x03,
    INDEX_TABLE = 0x3b,
    INDEX_HEAD_BYTES = 12,
};

struct headers {
    Elf64_Phdr items[HEADERS_MAX];
    size_t count;
};

static bool headers_read(struct live_memory *memory, uint64_t base, struct headers *ret)
{
    Elf64_Ehdr head;

    if (!live_memory_read_constant(memory, base, &head, sizeof(head)) ||
        memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
        head.e_phentsize != sizeof(*ret->items) || head.e_phnum > HEADERS_MAX)
        return false;
    ret->count = head.e_phnum;
    return live_memory_read_constant(memory, base + head.e_phoff, ret->items,
                                     ret->count * sizeof(*ret->items));
}

static void build_id_read(struct live_memory *memory, struct live_module *module,
                          const Elf64_Phdr *header)
{
    size_t bytes = header->p_memsz < NOTES_BYTES_MAX ? header->p_memsz : NOTES_BYTES_MAX;
    unsigned char *notes = xalloc(bytes + 1);

    if (!live_memory_read_constant(memory, module->bias + header->p_vaddr, notes, bytes))
        bytes = 0;
    for (size_t at = 0; at + sizeof(Elf64_Nhdr) <= bytes;) {
        Elf64_Nhdr note;
        size_t name, text;

        memcpy(&note, notes + at, sizeof(note));
        name = at + sizeof(note);
        text = name + ((size_t)note.n_namesz + 3) / 4 * 4;
        at = text + ((size_t)note.n_descsz + 3) / 4 * 4;
        if (at > bytes)
            break;
        if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != sizeof("GNU") ||
            memcmp(notes + name, "GNU", sizeof("GNU")) != 0 || note.n_descsz > BUILD_ID_BYTES_MAX)
            continue;
        for (size_t i = 0; i < note.n_descsz; i++)
            sprintf(module->build_id + 2 * i, "%02x", notes[text + i]);
    }
    free(notes);
}

static void index_read(struct live_memory *memory, struct live_module *module, uint64_t address)
{
    struct {
        uint8_t version, frames, count, table;
        int32_t frames_at;
        uint32_t entries;
    } head;

    if (!live_memory_read_constant(memory, address, &head, sizeof(head)) ||
        head.version != INDEX_VERSION || head.frames != INDEX_FRAMES || head.count != INDEX_COUNT ||
        head.table != INDEX_TABLE)
        return;
    module->segment = address;
    module->table = address + INDEX_HEAD_BYTES;
    module->table_entries = head.entries;
}

static void headers_take(struct live_memory *memory, struct live_module *module, uint64_t base,
                         const struct headers *headers)
{
    uint64_t low = UINT64_MAX;
    uint64_t high = 0;

    for (size_t i = 0; i < headers->count; i++) {
        const Elf64_Phdr *header = &headers->items[i];

        if (header->p_type != PT_LOAD)
            continue;
        low = header->p_vaddr < low ? header->p_vaddr : low;
        high = header->p_vaddr + header->p_memsz > high ? header->p_vaddr + header->p_memsz : high;
        if (header->p_offset == 0)
            module->bias = base - header->p_vaddr;
    }
    module->start = module->bias + low;
    module->end = module->bias + high;
    for (size_t i = 0; i < headers->count; i++) {
        if (headers->items[i].p_type == PT_NOTE && !module->build_id[0])
            build_id_read(memory, module, &headers->items[i]);
        else if (headers->items[i].p_type == PT_GNU_EH_FRAME)
            index_read(memory, module, module->bias + headers->items[i].p_vaddr);
    }
}

/* The mapping of the file's beginning that lies nearest below. */
static const struct live_map *base_find(const struct live_memory *memory, const struct live_map *of)
{
    for (const struct live_map *map = of; map >= memory->maps; map--) {
        if (map->offset == 0 && map->inode == of->inode && map->device == of->device &&
            strcmp(map->path, of->path) == 0)
            return map;
    }
    return NULL;
}

static struct live_module *module_new(struct live_memory *memory, const struct live_map *base)
{
    struct live_module *module;
    struct headers headers;

    if (!headers_read(memory, base->start, &headers))
        return NULL;
    module = xalloc(sizeof(*module));
    module->inode = base->inode;
    module->device = base->device;
    module->path = strdup(base->path);
    if (!module->path)
        memory_exhausted();
    headers_take(memory, module, base->start, &headers);
    if (!module->table)
        live_table_build(memory, module);
    module->next = memory->modules;
    memory->modules = module;
    return module;
}

struct live_module *live_module_find(struct live_memory *memory, uint64_t address)
{
    const struct live_map *map = live_map_find_again(memory, address);
    const struct live_map *base;

    if (!map || !map->executable)
        return NULL;
    for (struct live_module *m = memory->modules; m; m = m->next) {
        if (m->start <= address && address < m->end)
            return m;
    }
    /* "[vdso]" has no inode, but a beginning as good as any. */
    base = map->inode || map->path[0] ? base_find(memory, map) : NULL;
    return base ? module_new(memory, base) : NULL;
}

void live_modules_free(struct live_memory *memory)
{
    while (memory->modules) {
        struct live_module *module = memory->modules;

        memory->modules = module->next;
        free(module->built);
        free(module->path);
        free(module);
    }
}
