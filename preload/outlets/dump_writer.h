/* SPDX-License-Identifier: MIT */
/*
 * The dump while it is being written: records of known length into a buffer,
 * the buffer into the file, the CRC along the way. The first error sticks;
 * everything after it is dropped, and dump_finish tells it. Used by dump*.c
 * alone.
 */
#ifndef OUTLETS_DUMP_WRITER_H
#define OUTLETS_DUMP_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "preload/books/fdtable.h"
#include "preload/facts/task.h"
#include "preload/outlets/dump.h"

struct dump {
    const struct dump_request *request;
    uint64_t taken_ns; /* since the tracker's zero: what is newer is not told */
    uint64_t taken_wall_ns;
    uint32_t sequence;

    int fd;
    int folder; /* both ours, and not the program's holdings */
    int error;
    uint32_t crc;
    uint64_t bytes, records;
    uint32_t strings;
    size_t used;

    /* Stacks below stack_count: whether told already, and how much of what
     * they acquired is live. Mapped for this dump. */
    uint32_t stack_count;
    uint8_t *stack_told;
    uint64_t *stack_live;

    /* Contexts' slots below context_count: whether a record names them. */
    uint32_t context_count;
    uint8_t *context_named;
    uint64_t context_ends; /* those that had ended when the dump was begun */

    /* Descriptors that the kernel shows, one bit each; how many. */
#define FD_PRESENT_BYTES (FD_MAX / 8)
    uint64_t *fd_present;
    uint32_t fd_tid; /* whose table is looked at */
    uint64_t fd_count;

    uint32_t module_next; /* modules below were told */
};

/* Maps what a dump needs and writes the header. 0 or -errno. */
int dump_begin(struct dump *dump);
/* Trailer, last flush. 0 or the first error. */
int dump_finish(struct dump *dump);
/* What was written so far, to the file: of one that will have no end. 0 or the first error. */
int dump_flush(struct dump *dump);
/* Unmaps, also after an error. */
void dump_release(struct dump *dump);

/* `payload` in one or two parts: a fixed struct and what follows it. */
void dump_record(struct dump *dump, enum ctt_type type, const void *payload, size_t bytes);
void dump_record_with(struct dump *dump, enum ctt_type type, const void *payload, size_t bytes,
                      const void *rest, size_t rest_bytes);

/* The string's id; 0 for NULL or empty. */
uint32_t dump_string(struct dump *dump, const char *text);
uint32_t dump_string_bytes(struct dump *dump, const char *text, size_t bytes);
/* The stack's id, told now if it was not; 0 for an id that is none. */
uint32_t dump_stack(struct dump *dump, uint32_t id);
/* The same id; the context and its ancestors will be told. */
uint32_t dump_context(struct dump *dump, uint32_t id);
/* Notes that `count` of what this stack acquired are live. */
void dump_count_live(struct dump *dump, uint32_t stack, uint64_t count);

/* The sections, in the order in which they are written (dump.c). */
void dump_process(struct dump *dump);
void dump_options(struct dump *dump);
void dump_limits(struct dump *dump);
void dump_modules(struct dump *dump);
void dump_kinds(struct dump *dump);
void dump_tasks(struct dump *dump);
void dump_jobs(struct dump *dump);
void dump_fds(struct dump *dump);
void dump_keys(struct dump *dump);
void dump_mappings(struct dump *dump);
void dump_groups(struct dump *dump);
void dump_mishaps(struct dump *dump);
void dump_holders(struct dump *dump);
void dump_injections(struct dump *dump);
void dump_contexts(struct dump *dump); /* those that the others named */
void dump_sites(struct dump *dump);
void dump_reach(struct dump *dump);
void dump_health(struct dump *dump);

/* What a task says that it is blocked on: dump_jobs.c. */
void dump_block(struct dump *dump, const struct task_block_copy *block, struct ctt_task *record);

/* Asked of the kernel before the first section. */
void dump_list_fds(struct dump *dump);
/* Before anything is told: threads that are gone and never said so (hazards.md D9). */
void dump_reconcile(void);
/* Facts that never change, asked for at the program's start, with libc's help:
 * dump_process.c. */
void dump_process_start(const char *libc_version);

#endif
