/* SPDX-License-Identifier: MIT */
#include "preload/facts/symbol.h"

#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What is read of a module; any may be missing. */
struct tables {
    const ElfW(Sym) * symbols;
    const char *strings;
    const uint32_t *hash; /* DT_GNU_HASH */
};

/* The loader makes these addresses absolute, but not where it may not write (the vDSO). */
static const void *pointer_of(const struct link_map *map, const ElfW(Dyn) * entry)
{
    uintptr_t at = entry->d_un.d_ptr;
    return (const void *)(at < map->l_addr ? at + map->l_addr : at);
}

static struct tables tables_of(const struct link_map *map)
{
    struct tables tables = {NULL, NULL, NULL};
    for (const ElfW(Dyn) *entry = map->l_ld; entry && entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_SYMTAB)
            tables.symbols = pointer_of(map, entry);
        else if (entry->d_tag == DT_STRTAB)
            tables.strings = pointer_of(map, entry);
        else if (entry->d_tag == DT_GNU_HASH)
            tables.hash = pointer_of(map, entry);
    }
    return tables;
}

static uint32_t hash_of(const char *name)
{
    uint32_t hash = 5381;
    for (; *name; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

static bool is_defined_as(const struct tables *tables, uint32_t index, const char *name)
{
    const ElfW(Sym) *symbol = &tables->symbols[index];
    return symbol->st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC &&
           strcmp(tables->strings + symbol->st_name, name) == 0;
}

/* The table: how many buckets, the first symbol's number, how many words of a filter, its
 * shift; the filter; the buckets; and from the first symbol on each one's hash, whose last
 * bit says that it is the last one of its bucket. */
enum { BUCKETS, FIRST, FILTER_WORDS, FILTER_SHIFT, HEADER };

static void *find_in(const struct link_map *map, const char *name, uint32_t hash)
{
    struct tables tables = tables_of(map);
    if (!tables.symbols || !tables.strings || !tables.hash || !tables.hash[BUCKETS])
        return NULL;
    size_t filter = tables.hash[FILTER_WORDS] * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
    const uint32_t *buckets = tables.hash + HEADER + filter;
    const uint32_t *hashes = buckets + tables.hash[BUCKETS];
    uint32_t index = buckets[hash % tables.hash[BUCKETS]];
    if (index < tables.hash[FIRST])
        return NULL;
    for (;; index++) {
        uint32_t found = hashes[index - tables.hash[FIRST]];
        if ((found | 1) == (hash | 1) && is_defined_as(&tables, index, name))
            return (void *)(map->l_addr + tables.symbols[index].st_value);
        if (found & 1)
            return NULL;
    }
}

static void *find_from(const struct link_map *map, const char *name)
{
    uint32_t hash = hash_of(name);
    void *found = NULL;
    for (; map && !found; map = map->l_next)
        found = find_in(map, name, hash);
    return found;
}

void *symbol_first(const char *name)
{
    return find_from(_r_debug.r_map, name);
}

void *symbol_next(const char *name)
{
    struct dl_find_object ours;
    if (_dl_find_object((void *)symbol_next, &ours) != 0)
        return NULL;
    return find_from(ours.dlfo_link_map->l_next, name);
}
