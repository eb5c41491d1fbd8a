/* SPDX-License-Identifier: MIT */
/*
 * Things given back, to be taken again: a lock-free stack of nodes that are
 * never unmapped (arena memory). 16-byte aligned nodes have 47 address bits, so
 * a 17-bit tag stands beside the pointer and tells a node that was taken and
 * put back meanwhile from one that stayed (ABA).
 */
#ifndef GROUND_FREELIST_H
#define GROUND_FREELIST_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct free_node {
    _Atomic(struct free_node *) next;
};

struct free_list {
    _Atomic uint64_t head;
};

#define FREE_TAG_BITS    17u
#define FREE_POINTER(w)  ((struct free_node *)(uintptr_t)((w) >> FREE_TAG_BITS))
#define FREE_NEXT_TAG(w) (((w) + 1) & ((UINT64_C(1) << FREE_TAG_BITS) - 1))

static inline uint64_t free_word(struct free_node *node, uint64_t before)
{
    return ((uint64_t)(uintptr_t)node << FREE_TAG_BITS) | FREE_NEXT_TAG(before);
}

static inline struct free_node *free_pop(struct free_list *list)
{
    uint64_t head = atomic_load(&list->head);
    for (;;) {
        struct free_node *node = FREE_POINTER(head);
        if (!node)
            return NULL;
        /* Stale when somebody took the node meanwhile: then the tag moved. */
        struct free_node *next = atomic_load_explicit(&node->next, memory_order_relaxed);
        if (atomic_compare_exchange_weak(&list->head, &head, free_word(next, head)))
            return node;
    }
}

static inline void free_push(struct free_list *list, struct free_node *node)
{
    uint64_t head = atomic_load(&list->head);
    do {
        atomic_store_explicit(&node->next, FREE_POINTER(head), memory_order_relaxed);
    } while (!atomic_compare_exchange_weak(&list->head, &head, free_word(node, head)));
}

#endif
