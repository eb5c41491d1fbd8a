/* SPDX-License-Identifier: MIT */
/*
 * See live_model.h.
 */
#include "live_model.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "live_module.h"
#include "pool.h"

#define NS_PER_S        UINT64_C(1000000000)
#define MODULE_ID_LIMIT 0x7fffu
#define PC_OF(address)  ((address) & ((UINT64_C(1) << 48) - 1))
#define DELETED         " (deleted)"

/* One stack, by its pcs: the key. */
struct interned {
    struct stack *stack;
    UT_hash_handle hh;
};

struct joining {
    struct model *model;
    struct live_stacks *stacks;
    struct interned *interned;
    uint32_t next_module, next_stack;
    char root[64]; /* what comes before the program's own paths here: "/proc/PID/root" */
};

struct model *live_model_new(const struct process_facts *process)
{
    struct model *model = xalloc(sizeof(*model));
    double uptime = process_uptime(process);
    char host[HOST_NAME_MAX + 1] = "";
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    gethostname(host, sizeof(host) - 1);
    model->pool = pool_new();
    model->process.name = pool_copy(model->pool, process->name, strlen(process->name));
    model->process.host = *host ? pool_copy(model->pool, host, strlen(host)) : NULL;
    model->process.facts.pid = (uint32_t)process->pid;
    model->process.facts.uptime_ns = uptime > 0 ? (uint64_t)(uptime * (double)NS_PER_S) : 0;
    model->process.facts.taken_wall_ns = (uint64_t)now.tv_sec * NS_PER_S;
    return model;
}

/* Where the module's file can be read: its path, as we see it. */
static const char *file_path(const struct joining *joining, const struct live_module *module)
{
    size_t length = strlen(module->path);
    size_t suffix = strlen(DELETED);
    const struct live_map *map;

    if (length <= suffix || strcmp(module->path + length - suffix, DELETED) != 0)
        return joining->root[0]
                   ? pool_format(joining->model->pool, "%s%s", joining->root, module->path)
                   : module->path;
    map = live_map_find(&joining->stacks->memory, module->start);
    return map ? pool_format(joining->model->pool, "/proc/%d/map_files/%jx-%jx",
                             joining->stacks->memory.pid, (uintmax_t)map->start,
                             (uintmax_t)map->end)
               : module->path;
}

static struct module *module_enter(struct joining *joining, const struct live_module *live)
{
    struct model *model = joining->model;
    struct module *module;
    const char *slash;

    for (module = model->modules; module; module = module->hh.next) {
        if (module->bias == live->bias && module->start <= live->start &&
            live->start < module->end && module->number >= 0)
            return module;
    }
    if (joining->next_module >= MODULE_ID_LIMIT)
        return NULL;
    module = pool_alloc(model->pool, sizeof(*module));
    module->id = joining->next_module++;
    module->start = live->start;
    module->end = live->end;
    module->bias = live->bias;
    module->path = pool_copy(model->pool, live->path, strlen(live->path));
    module->build_id = pool_copy(model->pool, live->build_id, strlen(live->build_id));
    slash = strrchr(module->path, '/');
    module->base = slash ? slash + 1 : module->path;
    if (module->path[0] == '[')
        module->flags |= CTT_MODULE_VDSO;
    if (strncmp(module->base, TRACKER_SONAME, strlen(TRACKER_SONAME)) == 0)
        module->flags |= CTT_MODULE_TRACKER;
    module->number =
        symbolizer_add_module(model->symbolizer, file_path(joining, live), module->build_id);
    HASH_ADD(hh, model->modules, id, sizeof(module->id), module);
    return module;
}

static uint64_t pc_encode(struct joining *joining, const struct live_pc *pc)
{
    uint64_t encoded = PC_OF(pc->address) | (pc->exact ? CTT_PC_EXACT : 0);
    struct live_module *live = live_module_find(&joining->stacks->memory, pc->address);

    if (live && !live->model_id) {
        struct module *module = module_enter(joining, live);

        live->model_id = module ? module->id : 0;
    }
    return encoded | (live ? (uint64_t)live->model_id << 48 : 0);
}

static struct stack *stack_enter(struct joining *joining, const struct live_frames *frames)
{
    struct pool *pool = joining->model->pool;
    size_t bytes = frames->count * sizeof(uint64_t);
    uint64_t *pcs = pool_alloc(pool, bytes);
    struct interned *interned;

    for (size_t i = 0; i < frames->count; i++)
        pcs[i] = pc_encode(joining, &frames->items[i]);
    HASH_FIND(hh, joining->interned, pcs, bytes, interned);
    if (interned)
        return interned->stack;
    interned = pool_alloc(pool, sizeof(*interned));
    interned->stack = pool_alloc(pool, sizeof(*interned->stack));
    interned->stack->id = joining->next_stack++;
    interned->stack->pcs = pcs;
    interned->stack->pc_count = (uint32_t)frames->count;
    HASH_ADD_KEYPTR(hh, joining->interned, pcs, bytes, interned);
    HASH_ADD(hh, joining->model->stacks, id, sizeof(uint32_t), interned->stack);
    return interned->stack;
}

/* The program's paths lead through its own root where that is not ours. */
static void root_find(struct joining *joining)
{
    char path[64];
    struct stat own, other;
    int pid = joining->stacks->process->living;

    snprintf(path, sizeof(path), "/proc/%d/root", pid);
    if (stat("/", &own) == 0 && stat(path, &other) == 0 &&
        (own.st_dev != other.st_dev || own.st_ino != other.st_ino))
        snprintf(joining->root, sizeof(joining->root), "%s", path);
}

void live_model_join(struct model *model, struct live_stacks *stacks, bool all)
{
    struct joining joining = {
        .model = model,
        .stacks = stacks,
        .next_module = 1,
        .next_stack = 1,
    };

    if (!model->symbolizer)
        model_symbolize(model, NULL);
    root_find(&joining);
    for (const struct module *m = model->modules; m; m = m->hh.next)
        joining.next_module = m->id >= joining.next_module ? m->id + 1 : joining.next_module;
    for (const struct stack *s = model->stacks; s; s = s->hh.next)
        joining.next_stack = s->id >= joining.next_stack ? s->id + 1 : joining.next_stack;
    for (size_t i = 0; i < stacks->count; i++) {
        struct live_thread *thread = &stacks->threads[i];

        if (thread->reading != LIVE_UNREAD)
            thread->stack = stack_enter(&joining, &thread->frames);
    }
    for (struct module *m = model->modules; all && m; m = m->hh.next)
        m->flags &= ~(uint32_t)CTT_MODULE_TRACKER;
    HASH_CLEAR(hh, joining.interned);
}
