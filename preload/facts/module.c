/* SPDX-License-Identifier: MIT */
/*
 * Modules are rows of pointers, filled from the front by CAS: two threads that
 * meet a module at once agree on one row, and a reader needs no lock. All that
 * is known of a module comes from _dl_find_object (no lock, no allocation,
 * async-signal-safe: hazards.md D10) and from its own headers in memory.
 */
#include "preload/facts/module.h"

#include <dlfcn.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#include "preload/facts/module_image.h"
#include "preload/ground/arena.h"
#include "preload/ground/health.h"
#include "preload/ground/mirror.h"
#include "preload/ground/sys.h"

#define PATH_BYTES 4096u
#define PAGE_BYTES UINT64_C(4096)
#define PEEK_BYTES 256u

_Atomic uint8_t module_gone[MODULE_MAX];

static _Atomic(struct module *) modules[MODULE_MAX]; /* [0] stays empty */
_Atomic uint64_t module_epoch;

const struct module *module_get(uint32_t id)
{
    return id < MODULE_MAX ? atomic_load_explicit(&modules[id], memory_order_acquire) : NULL;
}

uint32_t module_limit(void)
{
    uint32_t id = 1;
    while (id < MODULE_MAX && atomic_load_explicit(&modules[id], memory_order_acquire))
        id++;
    return id;
}

bool module_is_code(const struct module *module, uintptr_t pc, size_t bytes)
{
    return image_segment(module, pc, bytes, PF_R | PF_X) != NULL;
}

/* Modules known by the beginning of their file's name. */
static const struct {
    const char *prefix;
    uint32_t flag;
} known_names[] = {
    {"libc.so.", CTT_MODULE_LIBC}, {"libc-2.", CTT_MODULE_LIBC},    {"ld-linux", CTT_MODULE_LOADER},
    {"ld-2.", CTT_MODULE_LOADER},  {"linux-vdso", CTT_MODULE_VDSO},
};
#define KNOWN_NAMES (sizeof known_names / sizeof known_names[0])

static bool text_starts(const char *text, const char *prefix)
{
    while (*prefix)
        if (*text++ != *prefix++)
            return false;
    return true;
}

static bool text_equal(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

/* The loader's list begins with the program itself. */
static bool map_is_executable(const struct link_map *map)
{
    return map == _r_debug.r_map;
}

static uint32_t flags_of(const struct module *m, const struct link_map *map)
{
    uint32_t flags = map_is_executable(map) ? CTT_MODULE_EXECUTABLE : 0;
    const char *base = map->l_name;
    for (const char *c = base; *c; c++)
        if (*c == '/')
            base = c + 1;
    for (size_t i = 0; i < KNOWN_NAMES; i++)
        if (text_starts(base, known_names[i].prefix))
            flags |= known_names[i].flag;
    uintptr_t ours = (uintptr_t)module_at;
    if (ours >= m->start && ours < m->end)
        flags |= CTT_MODULE_TRACKER;
    return flags;
}

/* Whether a path made by path_make came from this name of the loader's. */
static bool path_is_of(const struct module *m, const char *name)
{
    if (m->flags & (CTT_MODULE_EXECUTABLE | CTT_MODULE_VDSO))
        return true; /* there is but one */
    size_t path_bytes = __builtin_strlen(m->path), name_bytes = __builtin_strlen(name);
    if (name[0] == '/' || name_bytes >= path_bytes)
        return text_equal(m->path, name);
    const char *tail = m->path + path_bytes - name_bytes;
    return tail[-1] == '/' && text_equal(tail, name);
}

/* The path in full: the loader keeps a relative name as it was given, and what
 * it was relative to is best known now. Built in our own arena: a path is too
 * long for the stack of a hook. NULL when there is no memory. */
static const char *path_make(const struct module *m, const char *name)
{
    if (m->flags & CTT_MODULE_VDSO)
        return "[vdso]";
    if (name[0] == '/')
        return arena_copy(name, __builtin_strlen(name));
    char *buffer = arena_alloc(PATH_BYTES);
    if (!buffer)
        return NULL;
    if (!name[0]) {
        sys_readlink("/proc/thread-self/exe", buffer, PATH_BYTES);
        return buffer;
    }
    struct text path = {buffer, 0, PATH_BYTES};
    long cwd = sys_call(SYS_getcwd, (long)buffer, PATH_BYTES, 0, 0, 0, 0);
    if (cwd > 1) {
        path.used = (size_t)cwd - 1;
        text_add(&path, "/");
    }
    text_add(&path, name);
    return buffer;
}

/* The kernel may load a program with gaps between its segments: then the loader
 * names one segment where it names the whole of any other module. Its headers
 * come from the kernel as well, and say where it begins and ends. */
static void executable_learn(const struct dl_find_object *found, struct module *m)
{
    m->headers = (const void *)getauxval(AT_PHDR);
    m->header_count = m->headers ? getauxval(AT_PHNUM) : 0;
    if (!image_segment(m, (uintptr_t)found->dlfo_map_start, 1, 0)) {
        m->headers = NULL;
        m->header_count = 0;
    }
    const elf_phdr *header = NULL;
    while ((header = image_header(m, PT_LOAD, header)) != NULL) {
        uintptr_t low = (m->bias + header->p_vaddr) & ~(PAGE_BYTES - 1);
        uintptr_t high = m->bias + header->p_vaddr + header->p_memsz;
        m->start = low < m->start ? low : m->start;
        m->end = high > m->end ? high : m->end;
    }
}

/* All that is known of a module but its path: what a look-up needs. */
static void module_learn(const struct dl_find_object *found, struct module *m)
{
    const struct link_map *map = found->dlfo_link_map;
    __builtin_memset(m, 0, sizeof *m);
    m->start = (uintptr_t)found->dlfo_map_start;
    m->end = (uintptr_t)found->dlfo_map_end;
    m->bias = map->l_addr;
    m->loaded_generation = module_generation();
    atomic_init(&m->link_map, map);
    if (map_is_executable(map))
        executable_learn(found, m);
    if (!m->headers)
        m->headers = image_headers(m->start, m->end, &m->header_count);
    if (m->headers) {
        image_learn_eh(m, found->dlfo_eh_frame);
        image_learn_build_id(m);
    }
    m->flags = flags_of(m, map);
}

/* A row for the table. NULL when there is no memory. */
static struct module *module_keep(const struct module *learned, const char *name)
{
    const char *path = path_make(learned, name);
    struct module *m = path ? arena_alloc(sizeof *m) : NULL;
    if (!m)
        return NULL;
    __builtin_memcpy(m, learned, sizeof *m);
    m->path = path;
    return m;
}

/* Its row of the state file. */
static void module_mirror(uint32_t id, const struct module *m)
{
    struct state_module *row = mirror_is_on() ? mirror_open(STATE_MODULE, id) : NULL;
    if (!row)
        return;
    MIRROR_SET(row, flags, m->flags);
    MIRROR_SET(row, loaded_generation, m->loaded_generation);
    MIRROR_SET(row, unloaded_generation, atomic_load(&m->unloaded_generation));
    MIRROR_SET(row, start, m->start);
    MIRROR_SET(row, end, m->end);
    MIRROR_SET(row, bias, m->bias);
    mirror_text(row->build_id, sizeof row->build_id, m->build_id);
    mirror_text(row->path, sizeof row->path, m->path);
    mirror_close(row, 1);
}

void modules_mirror(void)
{
    for (uint32_t id = 1; id < MODULE_MAX; id++) {
        const struct module *m = module_get(id);
        if (m)
            module_mirror(id, m);
    }
}

static void module_mark_gone(uint32_t id, struct module *m)
{
    uint32_t loaded = 0;
    /* generation can still be 0 when an unload was noticed without dlclose */
    uint32_t now = module_generation();
    atomic_compare_exchange_strong(&m->unloaded_generation, &loaded, now ? now : 1);
    atomic_store(&module_gone[id], 1);
    module_mirror(id, m);
}

/* The row of the module that the loader has just named, if it is one we know to
 * be loaded: the same place, link_map and name. Whatever else we believed to be
 * at that place is gone, unnoticed (libc closes its own modules unseen). */
static uint32_t row_of(const struct dl_find_object *found)
{
    uintptr_t start = (uintptr_t)found->dlfo_map_start, end = (uintptr_t)found->dlfo_map_end;
    for (uint32_t id = 1; id < MODULE_MAX; id++) {
        struct module *m = atomic_load_explicit(&modules[id], memory_order_acquire);
        if (!m)
            break;
        if (atomic_load(&module_gone[id]) || m->start >= end || m->end <= start)
            continue;
        bool whole = m->start == start && m->end == end;
        if ((whole || m->flags & CTT_MODULE_EXECUTABLE) &&
            atomic_load(&m->link_map) == found->dlfo_link_map &&
            path_is_of(m, found->dlfo_link_map->l_name))
            return id;
        module_mark_gone(id, m);
    }
    return 0;
}

/* Whether row `m` is the module just learned: by identity, not by link_map. */
static bool module_same(const struct module *m, const struct module *learned, const char *name)
{
    return m->start == learned->start && m->end == learned->end && m->flags == learned->flags &&
           path_is_of(m, name) && text_equal(m->build_id, learned->build_id);
}

/* The same file at the same place again: the recipes of the row hold again. */
static uint32_t module_revive(uint32_t id, struct module *m, const struct module *learned)
{
    atomic_store(&m->link_map, atomic_load(&learned->link_map));
    atomic_store(&m->unloaded_generation, 0);
    atomic_store(&module_gone[id], 0);
    module_mirror(id, m);
    return id;
}

/* Finds or makes the row. Nothing is allocated for a module met before, so that
 * a program that loads and unloads in a loop costs no memory. */
static uint32_t module_enter(const struct module *learned, const char *name)
{
    struct module *fresh = NULL;
    for (uint32_t id = 1; id < MODULE_MAX; id++) {
        struct module *m = atomic_load_explicit(&modules[id], memory_order_acquire);
        if (!m) {
            if (!fresh)
                fresh = module_keep(learned, name);
            if (!fresh)
                return 0;
            if (atomic_compare_exchange_strong(&modules[id], &m, fresh)) {
                module_mirror(id, fresh);
                return id;
            }
        }
        /* Met before, or another thread was faster. */
        if (module_same(m, learned, name))
            return module_revive(id, m, learned);
    }
    HEALTH(modules_dropped);
    return 0;
}

uint32_t module_at(uintptr_t pc)
{
    struct dl_find_object found;
    if (_dl_find_object((void *)pc, &found) != 0)
        return 0;
    uint32_t id = row_of(&found);
    if (id)
        return id;
    struct module learned;
    module_learn(&found, &learned);
    return module_enter(&learned, found.dlfo_link_map->l_name);
}

/* Whether the loader still has this very module there. Its link_map may be on
 * its way out on another thread: it is peeked at, not followed. */
static bool module_present(const struct module *m)
{
    struct dl_find_object found;
    if (m->flags & (CTT_MODULE_EXECUTABLE | CTT_MODULE_VDSO))
        return true;
    if (_dl_find_object((void *)m->start, &found) != 0)
        return false;
    if (found.dlfo_link_map != atomic_load(&m->link_map) ||
        (uintptr_t)found.dlfo_map_start != m->start || (uintptr_t)found.dlfo_map_end != m->end)
        return false;
    struct link_map map;
    char name[PEEK_BYTES];
    size_t bytes = __builtin_strlen(m->path) + 1;
    if (bytes > sizeof name || !sys_peek(found.dlfo_link_map, &map, sizeof map))
        return false;
    if (!sys_peek(map.l_name, name, bytes))
        return false;
    name[bytes - 1] = '\0';
    return path_is_of(m, name);
}

void module_closing(void)
{
    atomic_fetch_add(&module_epoch, (UINT64_C(1) << 32) + 1);
}

void module_closed(void)
{
    for (uint32_t id = 1; id < MODULE_MAX; id++) {
        struct module *m = atomic_load_explicit(&modules[id], memory_order_acquire);
        if (!m)
            break;
        if (!atomic_load(&module_gone[id]) && !module_present(m))
            module_mark_gone(id, m);
    }
    atomic_fetch_sub(&module_epoch, 1);
}
