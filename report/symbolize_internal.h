/* SPDX-License-Identifier: MIT */
/*
 * The parts of the symbolizer, for symbolize*.c alone.
 *
 *   symbolize_file.c   finds the ELF file and its debug file, checks build-ids
 *   symbolize_elf.c    one module's functions by .symtab/.dynsym
 *   symbolize_dwarf.c  one module's units, inlined scopes and lines by DWARF
 *   symbolize.c        puts them together, keeps the results
 *
 * Every part may meet a hostile file: nothing here trusts a length, a link or
 * an offset that libelf or libdw has not checked.
 */
#ifndef REPORT_SYMBOLIZE_INTERNAL_H
#define REPORT_SYMBOLIZE_INTERNAL_H

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

#include "address_map.h"
#include "symbolize.h"

/* Strings handed out to the caller, freed together with the symbolizer. */
struct text_pool {
    char **texts;
    size_t count;
    size_t room;
};

/* Takes over a malloc'ed `text`. Returns it, or NULL (text freed). */
const char *text_pool_adopt(struct text_pool *pool, char *text);
void text_pool_clear(struct text_pool *pool);

/* The readable form of a symbol: demangled, without a symbol version. Returns
 * `name` itself where there is nothing to change. */
const char *symbol_name_show(struct text_pool *pool, const char *name);

struct module_file {
    Dwfl *dwfl; /* one a module: each in its own, unrelocated address space */
    Dwfl_Module *module;
    const char *complaint; /* why `module` is NULL */
};

struct module_file_request {
    const char *path;
    const char *build_id;          /* hex, or NULL */
    const char *const *debug_dirs; /* NULL-terminated */
    Dwfl_Callbacks *callbacks;
};

/* Sets either ret->module or ret->complaint. */
void module_file_open(struct module_file *ret, const struct module_file_request *request);
void module_file_close(struct module_file *file);

struct elf_symbol {
    uint64_t address;
    uint64_t size;
    const char *name;  /* in the ELF file's string table */
    const char *shown; /* readable; made on first use */
    unsigned char rank;
    bool exported; /* global or weak, of default visibility */
};

struct symbol_table {
    struct elf_symbol *symbols; /* sorted by address; one for each address */
    size_t count;
    struct address_map map;
};

/* Returns 0, or -ENOMEM with an empty table. No symbols is no error. */
int symbol_table_read(struct symbol_table *ret, Dwfl_Module *module);
struct elf_symbol *symbol_table_find(struct symbol_table *table, uint64_t address);
void symbol_table_clear(struct symbol_table *table);

struct dwarf_unit;

struct unit_table {
    struct dwarf_unit *units;
    size_t count;
    size_t room;
    uint64_t bias; /* the debug file's addresses are bias lower than the ELF file's */
    struct address_map map;
};

/* What the scopes around an address say. */
struct dwarf_frames {
    struct symbol_frame *items; /* malloc'ed; functions NULL where unnamed */
    size_t count;               /* 0: no unit covers the address */
    uint64_t entry;             /* of the outermost function; 0: no function */
    bool qualified;             /* its name is the linkage name */
};

/* Reads the units' ranges alone. Returns 0 or -ENOMEM. */
int unit_table_read(struct unit_table *ret, Dwarf *dwarf, uint64_t bias);
/* Reads a unit's scopes and lines when it is the first look-up there. Returns
 * 0 or -ENOMEM. */
int unit_table_find(struct unit_table *table, struct text_pool *pool, uint64_t address,
                    bool no_inlines, struct dwarf_frames *ret);
void unit_table_clear(struct unit_table *table);

#endif
