/* SPDX-License-Identifier: MIT */
/*
 * One module's source-level frames from its DWARF.
 *
 * At first only the units' own ranges are read. A unit's tree is walked once,
 * when the first address falls into it: every subprogram and every inlined
 * copy becomes a scope that knows its parent, and their ranges go into one
 * address map. A look-up is then two binary searches and a walk up the
 * parents. Line tables stay libdw's: it sorts them once and searches by halves.
 */
#include "symbolize_internal.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SCOPE_NONE     UINT32_MAX
#define TREE_DEPTH_MAX 256 /* deeper trees are hostile, or as good as */

struct dwarf_scope {
    Dwarf_Die die;
    uint64_t entry;
    const char *name; /* readable; made on first use */
    uint32_t parent;  /* the scope that it was inlined into, or SCOPE_NONE */
    bool named;       /* `name` has been looked for */
    bool qualified;   /* it comes from a linkage name, parameters and all */
};

struct dwarf_unit {
    Dwarf_Die die;  /* what has the line table: for split units the skeleton */
    Dwarf_Die tree; /* what has the subprograms */
    bool read;
    struct dwarf_scope *scopes;
    size_t scope_count;
    size_t scope_room;
    struct address_map map;
};

/* The address ranges of a die, low_pc and ranges alike, into `map`. *ret_entry
 * is the first low address, 0 when the die has no code. */
static int die_ranges_add(Dwarf_Die *die, struct address_map *map, uint32_t value,
                          uint64_t *ret_entry)
{
    Dwarf_Addr base;
    Dwarf_Addr low;
    Dwarf_Addr high;
    ptrdiff_t offset = 0;

    *ret_entry = 0;
    while ((offset = dwarf_ranges(die, offset, &base, &low, &high)) > 0) {
        int error;

        /* Linkers leave address 0 for functions that they threw away. */
        if (!low || low >= high)
            continue;
        if (!*ret_entry)
            *ret_entry = low;
        error = address_map_add(map, low, high, value);
        if (error < 0)
            return error;
    }
    return 0;
}

static int unit_add(struct unit_table *table, Dwarf_Die *die, Dwarf_Die *tree)
{
    uint64_t entry;

    if (table->count == table->room) {
        size_t room = table->room ? 2 * table->room : 16;
        struct dwarf_unit *bigger = reallocarray(table->units, room, sizeof(*bigger));

        if (!bigger)
            return -ENOMEM;
        table->units = bigger;
        table->room = room;
    }
    table->units[table->count] = (struct dwarf_unit){.die = *die, .tree = *tree};
    table->count++;
    return die_ranges_add(die, &table->map, (uint32_t)(table->count - 1), &entry);
}

int unit_table_read(struct unit_table *ret, Dwarf *dwarf, uint64_t bias)
{
    Dwarf_CU *unit = NULL;
    Dwarf_Die die;
    Dwarf_Die split;
    uint8_t type;
    int error = 0;

    *ret = (struct unit_table){.bias = bias};
    while (!error && dwarf_get_units(dwarf, unit, &unit, NULL, &type, &die, &split) == 0) {
        if (type == DW_UT_compile)
            error = unit_add(ret, &die, &die);
        else if (type == DW_UT_skeleton)
            error = unit_add(ret, &die, split.addr ? &split : &die);
    }
    if (!error)
        error = address_map_freeze(&ret->map);
    if (error < 0)
        unit_table_clear(ret);
    return error;
}

static int scope_add(struct dwarf_unit *unit, const struct dwarf_scope *scope)
{
    if (unit->scope_count == unit->scope_room) {
        size_t room = unit->scope_room ? 2 * unit->scope_room : 64;
        struct dwarf_scope *bigger = reallocarray(unit->scopes, room, sizeof(*bigger));

        if (!bigger)
            return -ENOMEM;
        unit->scopes = bigger;
        unit->scope_room = room;
    }
    unit->scopes[unit->scope_count++] = *scope;
    return 0;
}

/* Which dies may have subprograms or inlined copies below them. */
static bool tag_is_walked(int tag)
{
    switch (tag) {
    case DW_TAG_subprogram:
    case DW_TAG_inlined_subroutine:
    case DW_TAG_lexical_block:
    case DW_TAG_try_block:
    case DW_TAG_catch_block:
    case DW_TAG_with_stmt:
    case DW_TAG_namespace:
    case DW_TAG_module:
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_enumeration_type: /* Rust puts methods there */
        return true;
    default:
        return false;
    }
}

/* Enters the scope of `die`, if it is one with code. *scope is the enclosing
 * scope, and becomes the one that encloses the children. */
static int die_scope_add(struct dwarf_unit *unit, Dwarf_Die *die, int tag, uint32_t *scope)
{
    uint32_t index = (uint32_t)unit->scope_count;
    struct dwarf_scope next = {.die = *die, .parent = SCOPE_NONE};
    Dwarf_Addr entry;
    int error;

    if (tag == DW_TAG_inlined_subroutine)
        next.parent = *scope;
    else if (tag != DW_TAG_subprogram)
        return 0;
    error = die_ranges_add(die, &unit->map, index, &next.entry);
    if (error < 0)
        return error;
    if (!next.entry) {
        /* No code, or all of it thrown away. What is nested in a subprogram
         * without code is no part of the scope around it. */
        if (tag == DW_TAG_subprogram)
            *scope = SCOPE_NONE;
        return 0;
    }
    if (dwarf_entrypc(die, &entry) == 0 && entry)
        next.entry = entry;
    *scope = index;
    return scope_add(unit, &next);
}

static int tree_walk(struct dwarf_unit *unit, Dwarf_Die *parent, uint32_t scope, unsigned depth)
{
    Dwarf_Die die;
    Dwarf_Off offset;
    int more = dwarf_child(parent, &die);

    while (more == 0) {
        int tag = dwarf_tag(&die);
        uint32_t inner = scope;

        if (tag_is_walked(tag)) {
            int error = die_scope_add(unit, &die, tag, &inner);

            if (!error && depth < TREE_DEPTH_MAX && dwarf_haschildren(&die) > 0)
                error = tree_walk(unit, &die, inner, depth + 1);
            if (error < 0)
                return error;
        }
        offset = dwarf_dieoffset(&die);
        more = dwarf_siblingof(&die, &die);
        /* A sibling link that leads back would never end. */
        if (more == 0 && dwarf_dieoffset(&die) <= offset)
            break;
    }
    return 0;
}

static int unit_read(struct dwarf_unit *unit)
{
    int error;

    if (unit->read)
        return 0;
    unit->read = true;
    error = tree_walk(unit, &unit->tree, SCOPE_NONE, 0);
    if (!error)
        error = address_map_freeze(&unit->map);
    return error;
}

static const char *die_linkage_name(Dwarf_Die *die)
{
    static const unsigned names[] = {DW_AT_linkage_name, DW_AT_MIPS_linkage_name};
    Dwarf_Attribute attribute;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (dwarf_attr_integrate(die, names[i], &attribute))
            return dwarf_formstring(&attribute);
    }
    return NULL;
}

static const char *scope_name(struct dwarf_scope *scope, struct text_pool *pool)
{
    const char *raw;

    if (scope->named)
        return scope->name;
    scope->named = true;
    raw = die_linkage_name(&scope->die);
    scope->qualified = raw != NULL;
    if (!raw)
        raw = dwarf_diename(&scope->die);
    if (raw)
        scope->name = symbol_name_show(pool, raw);
    return scope->name;
}

/* Where the code at `address` was written. */
static void line_find(struct dwarf_unit *unit, uint64_t address, struct symbol_frame *frame)
{
    Dwarf_Line *line = dwarf_getsrc_die(&unit->die, address);
    int number;

    if (!line)
        return;
    frame->file = dwarf_linesrc(line, NULL, NULL);
    if (frame->file && dwarf_lineno(line, &number) == 0 && number > 0)
        frame->line = (unsigned)number;
}

/* Where an inlined copy was called. */
static void call_site_find(struct dwarf_unit *unit, Dwarf_Die *die, struct symbol_frame *frame)
{
    Dwarf_Attribute attribute;
    Dwarf_Files *files;
    Dwarf_Word number;
    size_t count;

    if (dwarf_getsrcfiles(&unit->tree, &files, &count) == 0 &&
        dwarf_formudata(dwarf_attr(die, DW_AT_call_file, &attribute), &number) == 0 &&
        number < count)
        frame->file = dwarf_filesrc(files, number, NULL, NULL);
    if (frame->file &&
        dwarf_formudata(dwarf_attr(die, DW_AT_call_line, &attribute), &number) == 0 &&
        number <= UINT32_MAX)
        frame->line = (unsigned)number;
}

static size_t scope_depth(const struct dwarf_unit *unit, uint32_t scope)
{
    size_t depth = 0;

    for (; scope != SCOPE_NONE; scope = unit->scopes[scope].parent)
        depth++;
    return depth;
}

/* One frame for each scope, the address's line in the innermost and the call
 * sites in the others. */
static void frames_fill(struct dwarf_unit *unit, struct text_pool *pool, uint32_t innermost,
                        uint64_t address, struct dwarf_frames *ret)
{
    struct symbol_frame *frame = ret->items;

    line_find(unit, address, frame);
    for (uint32_t i = innermost; i != SCOPE_NONE; i = unit->scopes[i].parent) {
        struct dwarf_scope *scope = &unit->scopes[i];

        frame->function = scope_name(scope, pool);
        frame->offset = address >= scope->entry ? address - scope->entry : 0;
        frame->inlined = scope->parent != SCOPE_NONE;
        if (frame->inlined) {
            call_site_find(unit, &scope->die, frame + 1);
        } else {
            ret->entry = scope->entry;
            ret->qualified = scope->qualified;
        }
        frame++;
    }
}

static uint32_t scope_outermost(const struct dwarf_unit *unit, uint32_t scope)
{
    while (scope != SCOPE_NONE && unit->scopes[scope].parent != SCOPE_NONE)
        scope = unit->scopes[scope].parent;
    return scope;
}

int unit_table_find(struct unit_table *table, struct text_pool *pool, uint64_t address,
                    bool no_inlines, struct dwarf_frames *ret)
{
    uint64_t inside = address - table->bias;
    uint32_t index = address_map_find(&table->map, inside);
    struct dwarf_unit *unit;
    uint32_t scope;
    int error;

    *ret = (struct dwarf_frames){0};
    if (index >= table->count)
        return 0;
    unit = &table->units[index];
    error = unit_read(unit);
    if (error < 0)
        return error;
    scope = address_map_find(&unit->map, inside);
    if (no_inlines)
        scope = scope_outermost(unit, scope);
    ret->count = scope == SCOPE_NONE ? 1 : scope_depth(unit, scope);
    ret->items = calloc(ret->count, sizeof(*ret->items));
    if (!ret->items)
        return -ENOMEM;
    frames_fill(unit, pool, scope, inside, ret);
    if (ret->entry)
        ret->entry += table->bias;
    return 0;
}

void unit_table_clear(struct unit_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        free(table->units[i].scopes);
        address_map_clear(&table->units[i].map);
    }
    free(table->units);
    address_map_clear(&table->map);
    *table = (struct unit_table){0};
}
