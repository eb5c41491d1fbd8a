/* SPDX-License-Identifier: MIT */
/*
 * The ELF files that a running program has mapped as code, as they lie in its memory: their
 * files may have been replaced on the disk, or be in another container.
 */
#ifndef REPORT_LIVE_MODULE_H
#define REPORT_LIVE_MODULE_H

#include "live_memory.h"

enum { LIVE_BUILD_ID_ROOM = 2 * 64 + 1 };

/* One entry of an .eh_frame_hdr's table, both from the module's `segment`: where a
 * function begins, and where its frame's description does. */
struct live_table_entry {
    int32_t start, description;
};

struct live_module {
    uint32_t device;
    uint64_t inode;
    uint64_t start, end, bias;
    char *path;
    char build_id[LIVE_BUILD_ID_ROOM]; /* lower-case hex; "" when it has none */
    uint32_t model_id;                 /* live_model.c; 0: not yet in the model */
    /* Where functions' unwind rules are found. */
    uint64_t segment, table, table_entries;
    struct live_table_entry *built; /* when the file has no table: ours, shown at `table` */
    struct live_module *next;
};

/* NULL: the address lies in no file's code (JIT), or not in code at all. */
struct live_module *live_module_find(struct live_memory *memory, uint64_t address);
void live_modules_free(struct live_memory *memory);

/* Makes the table of a module that has none (a static program). live_table.c */
void live_table_build(struct live_memory *memory, struct live_module *module);

#endif
