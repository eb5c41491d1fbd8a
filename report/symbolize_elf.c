/* SPDX-License-Identifier: MIT */
/*
 * One module's functions from its ELF symbol tables.
 *
 * libdwfl gathers .symtab, .dynsym, the debug file's table and the compressed
 * mini table. Many names share an address (libc's open, open64, __open64, …):
 * the one is kept that a person would have written, and that does not depend
 * on whether debug files are installed, since fingerprints are made of it.
 */
#include "symbolize_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "demangle.h"

/* Better names have higher ranks. */
enum symbol_rank {
    RANK_LABEL = 1, /* NOTYPE: what assembler leaves */
    RANK_LOCAL,
    RANK_GLOBAL,
};

const char *text_pool_adopt(struct text_pool *pool, char *text)
{
    if (text && pool->count == pool->room) {
        size_t room = pool->room ? 2 * pool->room : 64;
        char **bigger = reallocarray(pool->texts, room, sizeof(*bigger));

        if (!bigger) {
            free(text);
            return NULL;
        }
        pool->texts = bigger;
        pool->room = room;
    }
    if (text)
        pool->texts[pool->count++] = text;
    return text;
}

void text_pool_clear(struct text_pool *pool)
{
    for (size_t i = 0; i < pool->count; i++)
        free(pool->texts[i]);
    free(pool->texts);
    *pool = (struct text_pool){0};
}

/* Without "@@GLIBC_2.2.5", and for a mangled name without ".constprop.0" and
 * the like: a clone is the same function to its reader. */
static size_t shown_length(const char *name)
{
    size_t length = strlen(name);
    size_t end = strcspn(name, strncmp(name, "_Z", 2) == 0 ? "@." : "@");

    return end ? end : length;
}

const char *symbol_name_show(struct text_pool *pool, const char *name)
{
    size_t length = shown_length(name);
    char *bare;
    char *readable;

    if (!name[length] && strncmp(name, "_Z", 2) != 0)
        return name;
    bare = strndup(name, length);
    if (!bare)
        return name;
    readable = demangle(bare);
    if (readable)
        free(bare);
    return text_pool_adopt(pool, readable ? readable : bare);
}

/* 0: not code. */
static unsigned char symbol_rank(const GElf_Sym *symbol)
{
    unsigned type = GELF_ST_TYPE(symbol->st_info);

    if (type == STT_NOTYPE)
        return RANK_LABEL;
    if (type != STT_FUNC && type != STT_GNU_IFUNC)
        return 0;
    return GELF_ST_BIND(symbol->st_info) == STB_LOCAL ? RANK_LOCAL : RANK_GLOBAL;
}

/* Without "@@GLIBC_2.2.5". */
static size_t bare_length(const char *name)
{
    return strcspn(name, "@");
}

static size_t underscores_count(const char *name)
{
    return strspn(name, "_");
}

/* By address; of one address the best first. */
static int symbol_compare(const void *left, const void *right)
{
    const struct elf_symbol *a = left;
    const struct elf_symbol *b = right;

    if (a->address != b->address)
        return a->address < b->address ? -1 : 1;
    if (a->rank != b->rank)
        return a->rank > b->rank ? -1 : 1;
    if (!a->size != !b->size)
        return a->size ? -1 : 1;
    if (underscores_count(a->name) != underscores_count(b->name))
        return underscores_count(a->name) < underscores_count(b->name) ? -1 : 1;
    if (bare_length(a->name) != bare_length(b->name))
        return bare_length(a->name) < bare_length(b->name) ? -1 : 1;
    return strcmp(a->name, b->name);
}

static void symbols_collect(struct symbol_table *table, Dwfl_Module *module, int count)
{
    for (int i = 1; i < count; i++) { /* 0 is the null symbol */
        struct elf_symbol *next = &table->symbols[table->count];
        GElf_Sym symbol;
        GElf_Addr address;
        GElf_Word section;
        const char *name =
            dwfl_module_getsym_info(module, i, &symbol, &address, &section, NULL, NULL);

        if (!name || !*name || section == SHN_UNDEF || section == SHN_ABS ||
            section == (GElf_Word)-1)
            continue;
        *next = (struct elf_symbol){
            .address = address,
            .size = symbol.st_size,
            .name = name,
            .rank = symbol_rank(&symbol),
            .exported = GELF_ST_BIND(symbol.st_info) != STB_LOCAL &&
                        GELF_ST_VISIBILITY(symbol.st_other) == STV_DEFAULT,
        };
        if (next->rank)
            table->count++;
    }
}

static void symbols_unique(struct symbol_table *table)
{
    size_t kept = 0;

    for (size_t i = 0; i < table->count; i++) {
        if (kept && table->symbols[kept - 1].address == table->symbols[i].address)
            continue;
        table->symbols[kept++] = table->symbols[i];
    }
    table->count = kept;
}

/* A symbol without a size reaches to the next one, but a label inside a sized
 * function is not a function. */
static int symbols_map(struct symbol_table *table)
{
    uint64_t covered = 0;

    for (size_t i = 0; i < table->count; i++) {
        const struct elf_symbol *symbol = &table->symbols[i];
        uint64_t end = symbol->address + symbol->size;
        int error;

        if (!symbol->size) {
            if (symbol->address < covered)
                continue;
            end = i + 1 < table->count ? table->symbols[i + 1].address : UINT64_MAX;
        }
        if (end < symbol->address)
            continue; /* a size that wraps round */
        error = address_map_add(&table->map, symbol->address, end, (uint32_t)i);
        if (error < 0)
            return error;
        if (symbol->size && end > covered)
            covered = end;
    }
    return address_map_freeze(&table->map);
}

int symbol_table_read(struct symbol_table *ret, Dwfl_Module *module)
{
    int count = dwfl_module_getsymtab(module);
    int error;

    *ret = (struct symbol_table){0};
    if (count <= 0)
        return 0;
    ret->symbols = calloc((size_t)count, sizeof(*ret->symbols));
    if (!ret->symbols)
        return -ENOMEM;
    symbols_collect(ret, module, count);
    if (ret->count)
        qsort(ret->symbols, ret->count, sizeof(*ret->symbols), symbol_compare);
    symbols_unique(ret);
    error = symbols_map(ret);
    if (error < 0)
        symbol_table_clear(ret);
    return error;
}

struct elf_symbol *symbol_table_find(struct symbol_table *table, uint64_t address)
{
    uint32_t index = address_map_find(&table->map, address);

    return index < table->count ? &table->symbols[index] : NULL;
}

void symbol_table_clear(struct symbol_table *table)
{
    free(table->symbols);
    address_map_clear(&table->map);
    *table = (struct symbol_table){0};
}
