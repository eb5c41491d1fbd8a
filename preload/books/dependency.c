/* SPDX-License-Identifier: MIT */
#include "preload/books/dependency.h"

#include "preload/books/fdtable.h"
#include "preload/books/keytable.h"
#include "preload/books/mishap.h"
#include "preload/ground/health.h"

#define EDGES 4096u
#define TRIES 64u /* rows looked at from an edge's place on */

_Atomic bool dependencies_known;

/* Rows by a hash of the number of what is depended on. A row is taken by its `on`, and is
 * free again once that was given back. */
static struct edge {
    _Atomic uint32_t on;   /* live number; 0: free */
    _Atomic uint32_t what; /* live number; 0: being filled */
    uint32_t kind;
    uint64_t handle;
} edges[EDGES];

static struct edge *edge_at(uint32_t on, uint32_t i)
{
    return &edges[(on * 2654435761u + i) % EDGES];
}

bool kind_is_of_descriptor(uint32_t kind)
{
    return kind == CTT_KIND_FD || kind == CTT_KIND_SOCKET || kind == CTT_KIND_PIPE ||
           kind == CTT_KIND_EVENT;
}

bool holding_find(uint32_t kind, uint64_t handle, struct holding_copy *ret_copy)
{
    return kind_is_of_descriptor(kind) ? fd_read((int)handle, ret_copy)
                                       : key_read(kind, handle, ret_copy);
}

static bool is_held(const struct edge *edge, uint32_t what, struct holding_copy *ret_copy)
{
    return holding_find(edge->kind, edge->handle, ret_copy) && ret_copy->live == what;
}

/* One whose `what` was given back is as good as free. */
static bool edge_claim(struct edge *edge, uint32_t on)
{
    struct holding_copy now;
    uint32_t was = atomic_load(&edge->on), what = atomic_load(&edge->what);
    if (was && (!what || is_held(edge, what, &now)))
        return false;
    return atomic_compare_exchange_strong(&edge->on, &was, on);
}

bool dependency_add(const struct holding_copy *what, const struct holding_copy *on)
{
    for (uint32_t i = 0; i < TRIES; i++) {
        struct edge *edge = edge_at(on->live, i);
        if (!edge_claim(edge, on->live))
            continue;
        atomic_store(&edge->what, 0);
        edge->kind = what->kind;
        edge->handle = what->handle;
        atomic_store(&edge->what, what->live);
        atomic_store(&dependencies_known, true);
        return true;
    }
    HEALTH(dependencies_dropped);
    return false;
}

void dependency_check(const struct holding_copy *on, uint32_t stack)
{
    for (uint32_t i = 0; on->live && i < TRIES; i++) {
        struct edge *edge = edge_at(on->live, i);
        struct holding_copy held;
        uint32_t what = atomic_load(&edge->what);
        if (atomic_load(&edge->on) != on->live)
            continue;
        if (what && is_held(edge, what, &held))
            mishap_note((struct ctt_mishap){.id = CTT_MISHAP_RELEASE_ORDER,
                                            .kind = on->kind,
                                            .handle = on->handle,
                                            .owner_kind = held.kind,
                                            .owner = held.handle,
                                            .stack = stack,
                                            .acquired_stack = held.stack});
        atomic_store(&edge->on, 0);
    }
}
