/* SPDX-License-Identifier: MIT */
/*
 * A plugin may have been linked with libctx.a, and whoever loaded it may unload it as soon as its
 * last ctx_wg_wait has returned. A thread of libctx is still on its way out by then, in code of
 * the plugin's; the helper is for good. So from the first thread on such a plugin stays, as
 * libctx.so does anyway (-z nodelete). One without threads can be unloaded.
 */
#include "preload/ctx/internal.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>

typedef void *open_function(const char *path, int flags);

/* What may be unloaded; NULL: the program itself, libctx.so. */
static const char *plugin;

static bool is_for_good(const struct link_map *map)
{
    for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_FLAGS_1)
            return entry->d_un.d_val & DF_1_NODELETE;
    }
    return false;
}

/* The loader's lock is held here already: a thread that is made later may not wait for it, in
 * a fork child, or when a constructor waits for that thread. */
__attribute__((constructor)) static void look(void)
{
    Dl_info where;
    struct link_map *map = NULL;
    /* Fails in a static program; the program itself has no name. */
    if (dladdr1((void *)libctx_stay_loaded, &where, (void **)&map, RTLD_DL_LINKMAP) &&
        map->l_name[0] && !is_for_good(map))
        plugin = map->l_name;
}

static void stay(void)
{
    /* By its name: linkers warn of a dlopen in static programs. */
    void *found = dlsym(RTLD_DEFAULT, "dlopen");
    open_function *open = NULL;
    memcpy(&open, &found, sizeof open);
    void *module = open ? open(plugin, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE) : NULL;
    if (module)
        dlclose(module);
}

void libctx_stay_loaded(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (plugin)
        pthread_once(&once, stay);
}
