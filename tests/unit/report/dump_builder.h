/* SPDX-License-Identifier: MIT */
/*
 * Builds .ctt images in memory: for the unit tests, the golden reports and
 * the fuzzer's first corpus. Everything is appended in call order; texts and
 * stacks are written when first named, as the format asks.
 */
#ifndef TESTS_DUMP_BUILDER_H
#define TESTS_DUMP_BUILDER_H

#include <stddef.h>
#include <stdint.h>

#include "preload/format.h"

struct dump_builder {
    unsigned char *bytes;
    size_t size, capacity;
    uint64_t records;
    uint32_t last_id;       /* of strings and stacks, which share the numbers */
    uint32_t pid, sequence; /* of the process to be built */
    uint64_t mark_ns;
    uint32_t context_flags;   /* of the contexts added from now on */
    uint64_t sample_bytes;    /* of the process to be built, and of its memory */
    const char *suppressions; /* that the process has for LeakSanitizer */
    uint32_t signal;          /* that it died of; 0: SIGABRT */
    const char *trace_id;     /* that the process was started in */
};

#define MS  UINT64_C(1000000)
#define SEC UINT64_C(1000000000)

/* When the built process was looked at: `uptime_ns`. */
#define BUILT_NOW (UINT64_C(2) * 3600 * SEC)

struct dump_builder *builder_new(void);
struct dump_builder *builder_free(struct dump_builder *b);

void builder_record(struct dump_builder *b, uint16_t type, const void *payload, size_t bytes);
uint32_t builder_string(struct dump_builder *b, const char *text);
uint32_t builder_string_bytes(struct dump_builder *b, const char *text, size_t bytes);

/* Function names of fake_symbols.h, innermost first, separated by spaces; the
 * first is the entry of what acquired. "jit" is a pc in no module. */
uint32_t builder_stack(struct dump_builder *b, const char *functions);
uint32_t builder_stack_cut(struct dump_builder *b, const char *functions, uint16_t cut);

/* The process record, its modules, and a full health: every scene's start. */
void builder_process(struct dump_builder *b, uint32_t trigger, int exit_code);
/* More modules: fontconfig, perl and ruby. */
void builder_runtimes(struct dump_builder *b);
void builder_option(struct dump_builder *b, const char *key, const char *value);
void builder_context(struct dump_builder *b, uint32_t id, uint32_t parent, uint32_t kind,
                     uint32_t state, uint64_t ended_ns, const char *name);

/* How memory was judged, and blocks of 10 bytes with flags of that; a LOST one's `parts`
 * are of 100 bytes. */
void builder_reach(struct dump_builder *b, uint32_t state, const char *note);
void builder_blocks(struct dump_builder *b, const char *functions, uint32_t flags, uint32_t context,
                    uint64_t count, uint64_t parts);

/* The trailer; afterwards `bytes` and `size` are the dump. */
void builder_finish(struct dump_builder *b);

/* The scene of the golden reports, the fuzz corpus and the reader's tests:
 * one of everything. */
void builder_scene(struct dump_builder *b, uint32_t trigger);
/* One of everything that reachability and rules know. */
void builder_reach_scene(struct dump_builder *b, uint32_t trigger);
/* One of everything that a program declares with libctx. */
void builder_declared_scene(struct dump_builder *b, uint32_t trigger);

#endif
