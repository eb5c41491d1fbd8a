/* SPDX-License-Identifier: MIT */
/*
 * report/symbolize.h without files: names come from fake_symbols.h. Linked by
 * the report's unit tests and by the fuzzer, which must never open a path
 * that its input made up.
 */
#include "report/symbolize.h"

#include <stdlib.h>
#include <string.h>

#include "fake_symbols.h"

enum { MODULES_MAX = 4096 };

struct symbolizer {
    int modules[MODULES_MAX]; /* our number to enum fake_module, or 0 */
    int count;
    struct symbol_frame unknown_frame;
    struct symbol_frames unknown;
    struct symbol_frame items[FAKE_SYMBOL_COUNT][2];
    struct symbol_frames found[FAKE_SYMBOL_COUNT];
};

static void symbol_fill(struct symbolizer *s, size_t i)
{
    const struct fake_symbol *symbol = &fake_symbols[i];
    struct symbol_frame *item = s->items[i];

    item[0] = (struct symbol_frame){
        symbol->file || symbol->module != FAKE_PROGRAM ? symbol->function : NULL, symbol->file,
        symbol->line, symbol->inlined_into != NULL, 0};
    item[1] = (struct symbol_frame){symbol->inlined_into, symbol->file, symbol->line + 1, false, 0};
    s->found[i] = (struct symbol_frames){symbol->inlined_into ? 2 : 1, item};
}

struct symbolizer *symbolizer_new(const struct symbolizer_options *options)
{
    struct symbolizer *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->unknown = (struct symbol_frames){1, &s->unknown_frame};
    for (size_t i = 0; i < FAKE_SYMBOL_COUNT; i++)
        symbol_fill(s, i);
    return s;
}

struct symbolizer *symbolizer_free(struct symbolizer *s)
{
    free(s);
    return NULL;
}

int symbolizer_add_module(struct symbolizer *s, const char *path, const char *build_id)
{
    if (s->count == MODULES_MAX)
        return -1;
    for (int m = 1; m < FAKE_MODULE_END; m++) {
        if (strcmp(path, fake_module_paths[m]) == 0)
            s->modules[s->count] = m;
    }
    return s->count++;
}

const struct symbol_frames *symbolizer_look_up(struct symbolizer *s, int module, uint64_t address)
{
    for (size_t i = 0; i < FAKE_SYMBOL_COUNT; i++) {
        if ((int)fake_symbols[i].module == s->modules[module] &&
            address >= fake_symbols[i].address && address < fake_symbols[i].address + FAKE_SPACING)
            return &s->found[i];
    }
    return &s->unknown;
}

const char *symbolizer_complaint(const struct symbolizer *s, int module)
{
    return NULL;
}
