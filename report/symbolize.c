/* SPDX-License-Identifier: MIT */
/*
 * The symbolizer: modules, opened on first use, and a cache of what was
 * looked up. DWARF gives the frames; the ELF symbol table gives what DWARF
 * does not know, and the name of the outermost function where that name is
 * public: it is what the caller wrote (malloc, not __libc_malloc), and it is
 * the same on a host where no debug files are installed.
 */
#include "symbolize_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Running out of memory costs a cached result, never the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define DEBUG_DIR_DEFAULT "/usr/lib/debug"

static const char COMPLAINT_NO_DEBUG_INFO[] = "no debug info";
static const char COMPLAINT_NO_SYMBOLS[] = "no debug info and no symbols";
static const char COMPLAINT_NO_MEMORY[] = "out of memory while reading its symbols";

struct look_up {
    uint64_t address;
    struct symbol_frames frames;
    UT_hash_handle hh;
};

struct symbol_module {
    char *path;
    char *build_id;
    bool opened;
    const char *complaint;
    struct module_file file;
    struct symbol_table symbols;
    struct unit_table units;
    struct look_up *cache;
};

struct symbolizer {
    bool no_inlines;
    char **debug_dirs;
    char *debug_path;
    Dwfl_Callbacks callbacks;
    struct symbol_module *modules;
    size_t count;
    size_t room;
    struct text_pool texts;
    /* For what cannot be looked up at all: no such module, no memory left. */
    struct symbol_frame unknown_frame;
    struct symbol_frames unknown;
};

static char **strings_copy(const char *const *strings)
{
    size_t count = 0;
    char **copy;

    while (strings[count])
        count++;
    copy = calloc(count + 1, sizeof(*copy));
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = strdup(strings[i]);
        if (!copy[i]) {
            while (i--)
                free(copy[i]);
            free(copy);
            return NULL;
        }
    }
    return copy;
}

/* libdwfl's notation: "" is the ELF file's own folder, ".debug" the one below
 * it, the rest are roots. CRCs of debuglinks are checked by default. */
static char *debug_path_make(char *const *dirs)
{
    static const char beside[] = ":.debug";
    size_t length = sizeof(beside);
    char *path;

    for (size_t i = 0; dirs[i]; i++)
        length += strlen(dirs[i]) + 1;
    path = malloc(length);
    if (!path)
        return NULL;
    strcpy(path, beside);
    for (size_t i = 0; dirs[i]; i++) {
        strcat(path, ":");
        strcat(path, dirs[i]);
    }
    return path;
}

/* Only relocatable objects ask, and none is ever mapped as code: a hostile file
 * may, and libdwfl's own callback would assert. */
static int section_omit(Dwfl_Module *module, void **user, const char *module_name, Dwarf_Addr base,
                        const char *section_name, GElf_Word index, const GElf_Shdr *header,
                        Dwarf_Addr *ret_address)
{
    *ret_address = (Dwarf_Addr)-1;
    return 0;
}

struct symbolizer *symbolizer_new(const struct symbolizer_options *options)
{
    static const char *const defaults[] = {DEBUG_DIR_DEFAULT, NULL};
    const char *const *dirs = options && options->debug_dirs ? options->debug_dirs : defaults;
    struct symbolizer *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->no_inlines = options && options->no_inlines;
    s->unknown = (struct symbol_frames){.count = 1, .items = &s->unknown_frame};
    s->debug_dirs = strings_copy(dirs);
    s->debug_path = s->debug_dirs ? debug_path_make(s->debug_dirs) : NULL;
    if (!s->debug_path)
        return symbolizer_free(s);
    s->callbacks = (Dwfl_Callbacks){
        .find_elf = dwfl_build_id_find_elf,
        .find_debuginfo = dwfl_standard_find_debuginfo,
        .section_address = section_omit,
        .debuginfo_path = &s->debug_path,
    };
    return s;
}

static void module_free(struct symbol_module *module)
{
    struct look_up *look_up;
    struct look_up *next;

    HASH_ITER(hh, module->cache, look_up, next)
    {
        HASH_DEL(module->cache, look_up);
        free(look_up->frames.items);
        free(look_up);
    }
    unit_table_clear(&module->units);
    symbol_table_clear(&module->symbols);
    module_file_close(&module->file);
    free(module->path);
    free(module->build_id);
}

struct symbolizer *symbolizer_free(struct symbolizer *s)
{
    if (!s)
        return NULL;
    for (size_t i = 0; i < s->count; i++)
        module_free(&s->modules[i]);
    free(s->modules);
    for (size_t i = 0; s->debug_dirs && s->debug_dirs[i]; i++)
        free(s->debug_dirs[i]);
    free(s->debug_dirs);
    free(s->debug_path);
    text_pool_clear(&s->texts);
    free(s);
    return NULL;
}

int symbolizer_add_module(struct symbolizer *s, const char *path, const char *build_id)
{
    struct symbol_module *module;

    if (s->count == s->room) {
        size_t room = s->room ? 2 * s->room : 16;
        struct symbol_module *bigger = reallocarray(s->modules, room, sizeof(*bigger));

        if (!bigger)
            return -1;
        s->modules = bigger;
        s->room = room;
    }
    module = &s->modules[s->count];
    *module = (struct symbol_module){
        .path = strdup(path),
        .build_id = strdup(build_id ? build_id : ""),
    };
    if (!module->path || !module->build_id) {
        module_free(module);
        return -1;
    }
    return (int)s->count++;
}

/* Reads the tables of a file that was opened. Returns 0 or -ENOMEM. */
static int module_read(struct symbol_module *module)
{
    Dwarf_Addr bias;
    Dwarf *dwarf = dwfl_module_getdwarf(module->file.module, &bias);
    int error = symbol_table_read(&module->symbols, module->file.module);

    if (!error && dwarf)
        error = unit_table_read(&module->units, dwarf, bias);
    if (error < 0)
        return error;
    if (!module->units.count)
        module->complaint = module->symbols.count ? COMPLAINT_NO_DEBUG_INFO : COMPLAINT_NO_SYMBOLS;
    return 0;
}

static void module_open(struct symbolizer *s, struct symbol_module *module)
{
    struct module_file_request request = {
        .path = module->path,
        .build_id = module->build_id,
        .debug_dirs = (const char *const *)s->debug_dirs,
        .callbacks = &s->callbacks,
    };

    module->opened = true;
    module_file_open(&module->file, &request);
    module->complaint = module->file.complaint;
    if (module->file.module && module_read(module) < 0)
        module->complaint = COMPLAINT_NO_MEMORY;
}

static const char *symbol_shown(struct symbolizer *s, struct elf_symbol *symbol)
{
    if (!symbol->shown)
        symbol->shown = symbol_name_show(&s->texts, symbol->name);
    return symbol->shown;
}

/* Whether the ELF symbol names the outermost function better than DWARF. */
static bool symbol_is_better(const struct elf_symbol *symbol, const struct dwarf_frames *frames)
{
    const struct symbol_frame *outermost = &frames->items[frames->count - 1];

    if (!outermost->function)
        return true;
    if (symbol->exported && symbol->address == frames->entry)
        return true;
    /* gcc gives C++ functions of local linkage a bare name only: "fill" where
     * the symbol says "(anonymous namespace)::fill(int)". */
    return !frames->qualified && strncmp(symbol->name, "_Z", 2) == 0;
}

static void symbol_apply(struct symbolizer *s, struct symbol_module *module, uint64_t address,
                         struct dwarf_frames *frames)
{
    struct symbol_frame *outermost = &frames->items[frames->count - 1];
    struct elf_symbol *symbol = symbol_table_find(&module->symbols, address);

    if (symbol && symbol_is_better(symbol, frames))
        outermost->function = symbol_shown(s, symbol);
    if (symbol && (!frames->entry || address < frames->entry)) /* a part split off as cold */
        outermost->offset = address - symbol->address;
    if (!outermost->function)
        outermost->offset = address;
}

/* Fills `ret`. Returns 0 or -ENOMEM. */
static int frames_make(struct symbolizer *s, struct symbol_module *module, uint64_t address,
                       struct symbol_frames *ret)
{
    struct dwarf_frames frames;
    int error = unit_table_find(&module->units, &s->texts, address, s->no_inlines, &frames);

    if (error < 0)
        return error;
    if (!frames.count) {
        frames.items = calloc(1, sizeof(*frames.items));
        if (!frames.items)
            return -ENOMEM;
        frames.count = 1;
    }
    symbol_apply(s, module, address, &frames);
    *ret = (struct symbol_frames){.count = frames.count, .items = frames.items};
    return 0;
}

static const struct symbol_frames *unknown_frames(struct symbolizer *s, uint64_t address)
{
    s->unknown_frame.offset = address;
    return &s->unknown;
}

const struct symbol_frames *symbolizer_look_up(struct symbolizer *s, int module, uint64_t address)
{
    struct symbol_module *m;
    struct look_up *look_up;

    if (module < 0 || (size_t)module >= s->count)
        return unknown_frames(s, address);
    m = &s->modules[module];
    HASH_FIND(hh, m->cache, &address, sizeof(address), look_up);
    if (look_up)
        return &look_up->frames;
    if (!m->opened)
        module_open(s, m);
    look_up = calloc(1, sizeof(*look_up));
    if (!look_up || frames_make(s, m, address, &look_up->frames) < 0) {
        free(look_up);
        return unknown_frames(s, address);
    }
    look_up->address = address;
    HASH_ADD(hh, m->cache, address, sizeof(address), look_up);
    if (!look_up->hh.tbl) { /* not entered: nothing would ever free it */
        free(look_up->frames.items);
        free(look_up);
        return unknown_frames(s, address);
    }
    return &look_up->frames;
}

const char *symbolizer_complaint(const struct symbolizer *s, int module)
{
    return module >= 0 && (size_t)module < s->count ? s->modules[module].complaint : NULL;
}
