/* SPDX-License-Identifier: MIT */
/*
 * What the parts of recover.c share: recover_index.c (what rows refer to: stacks,
 * contexts, tasks) and recover_rows.c (the rows themselves).
 */
#ifndef REPORT_RECOVERY_H
#define REPORT_RECOVERY_H

#include <stdbool.h>

#include <uthash.h>

#include "dump_bytes.h"
#include "state_file.h"

struct node {
    uint64_t pc;
    uint32_t parent; /* 0: never written */
    bool is_told;
    uint64_t live; /* holdings of the stack */
};

struct context {
    uint32_t id;
    struct state_context row;
    bool is_named;
    UT_hash_handle hh;
};

struct task {
    uint32_t id;
    struct state_task row;
    UT_hash_handle hh;
};

struct group {
    struct {
        uint32_t stack, context;
    } key;
    struct ctt_group record;
    UT_hash_handle hh;
};

struct recovery {
    struct state_file *file;
    struct dump_bytes dump;
    struct ctt_process process;
    size_t process_at; /* its payload, to be filled at the end; 0: none */
    uint64_t last_ns;  /* the latest time that anything tells */
    struct node *nodes;
    uint32_t node_count;
    struct context *contexts;
    struct task *tasks;
    struct group *groups;
    uint32_t details[256]; /* strings */
    uint32_t module_paths[4096];
    uint64_t left_out_locks;
};

void recovery_note_time(struct recovery *recovery, uint64_t ns);
/* Of the tables that are read first. */
void recovery_take_node(uint32_t index, const void *row, void *arg);
void recovery_take_context(uint32_t index, const void *row, void *arg);
void recovery_take_task(uint32_t index, const void *row, void *arg);
struct context *recovery_context(const struct recovery *recovery, uint32_t id);
struct task *recovery_task(const struct recovery *recovery, uint32_t id);
/* The context and its ancestors will be told. Returns its id; 0 when there is none. */
uint32_t recovery_name_context(struct recovery *recovery, uint32_t id);
/* Returns the stack's id, told now if it was not; 0 for one that is none. `live` more of
 * what it has acquired are held. */
uint32_t recovery_tell_stack(struct recovery *recovery, uint32_t id, uint64_t live);
void recovery_free(struct recovery *recovery);

/* Of the others. */
void recovery_tell_detail(uint32_t index, const void *row, void *arg);
void recovery_tell_kind(uint32_t index, const void *row, void *arg);
void recovery_tell_module(uint32_t index, const void *row, void *arg);
void recovery_tell_holding(uint32_t index, const void *row, void *arg);
void recovery_add_block(uint32_t index, const void *row, void *arg);
void recovery_tell_mishap(uint32_t index, const void *row, void *arg);
void recovery_tell_site(uint32_t index, const void *row, void *arg);
void recovery_tell_groups(struct recovery *recovery);
void recovery_tell_tasks(struct recovery *recovery);
void recovery_tell_contexts(struct recovery *recovery);

#endif
