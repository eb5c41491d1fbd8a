/* SPDX-License-Identifier: MIT */
/*
 * See module_search.h. We are a module without RPATH and RUNPATH that the program's own
 * has led to, as the loader sees a preloaded library. So what remains of the caller is
 * what the dynamic sections say, its own and, since nobody tells who has led to it, those
 * of all modules but the program.
 */
#include "preload/hooks/module_search.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>

#include "preload/ground/hook.h"

/* libc's own: a program may have one of that name that does something else. */
HOOK(dl_iterate_phdr);

struct search_facts {
    bool runpath, rpath, no_default;
};

static struct search_facts facts_of(const ElfW(Dyn) * entry)
{
    struct search_facts facts = {0};
    for (; entry->d_tag != DT_NULL; entry++) {
        facts.runpath |= entry->d_tag == DT_RUNPATH;
        facts.rpath |= entry->d_tag == DT_RPATH;
        facts.no_default |= entry->d_tag == DT_FLAGS_1 && entry->d_un.d_val & DF_1_NODEFLIB;
    }
    facts.rpath &= !facts.runpath; /* as the loader has it */
    return facts;
}

struct visit {
    bool is_first;
    bool rpath;
};

/* The program comes first, and its RPATH holds for everyone. */
static int visit_module(struct dl_phdr_info *info, size_t bytes, void *arg)
{
    struct visit *visit = arg;
    bool is_program = visit->is_first;
    (void)bytes;
    visit->is_first = false;
    for (size_t i = 0; !is_program && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_DYNAMIC)
            visit->rpath |= facts_of((const ElfW(Dyn) *)(info->dlpi_addr + header->p_vaddr)).rpath;
    }
    return visit->rpath;
}

/* Takes the loader's lock for a moment, as the dlopen is about to do. */
static bool a_library_has_rpath(void)
{
    __typeof__(&dl_iterate_phdr) iterate = REAL(dl_iterate_phdr);
    struct visit visit = {.is_first = true, .rpath = false};
    if (!iterate)
        return true;
    iterate(visit_module, &visit);
    return visit.rpath;
}

/* Code of no module calls in the program's name. */
static const struct link_map *module_of(uintptr_t caller)
{
    struct dl_find_object found;
    return _dl_find_object((void *)caller, &found) == 0 ? found.dlfo_link_map : _r_debug.r_map;
}

/* From the second namespace on the loader's table has another version: whoever calls may
 * then be at home in one that we are not in, and its auditors hear of each search. */
static bool namespace_is_alone(void)
{
    return _r_debug.r_version < 2;
}

static bool search_is_without_caller(const char *name)
{
    return strchr(name, '/') && !strchr(name, '$');
}

bool search_is_ours_too(const char *name, uintptr_t caller)
{
    if (!namespace_is_alone())
        return false;
    if (search_is_without_caller(name))
        return true;
    const struct link_map *module = module_of(caller);
    if (strchr(name, '$') || !module || !module->l_ld)
        return false;
    struct search_facts facts = facts_of(module->l_ld);
    if (facts.runpath || facts.no_default)
        return false;
    return module == _r_debug.r_map || !a_library_has_rpath();
}
