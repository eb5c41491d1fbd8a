/* SPDX-License-Identifier: MIT */
/*
 * The state file (.cts): the tracker's tables in a file, for when it cannot write a
 * dump any more (SIGKILL, the OOM killer). The tracker maps it and keeps it up to date
 * with every acquisition and release (ground/mirror.h); `ctxtrace report --recover`
 * makes a dump of it (report/recover.c). Both sides include this header.
 *
 * The file is a row of granules of one size. In the first are a header and the facts,
 * which are a dump (format.h) without a trailer; then comes the directory; the others are
 * given to tables as they grow. A table is an array of rows of one size, of which as many
 * follow each other as fit into a granule: the directory has a number for each such
 * part, that of its granule, or 0. There are no pointers.
 *
 * A row is found by its index and holds something when `live`, its first field, is not
 * 0; the tracker writes that last and clears it first, so that a row that was being
 * written holds nothing. Bytes never written are 0; what lies behind the granules that
 * were given out never has been. All numbers are little-endian. Times are as in format.h.
 *
 * A row may grow at its end from one minor version to the next: its size is told.
 */
#ifndef CTXTRACE_STATE_H
#define CTXTRACE_STATE_H

#include <stdint.h>

#include "preload/format.h"

#define STATE_MAGIC        "CTXSTATE"
#define STATE_FORMAT_MAJOR 1 /* a reader refuses a larger one */
#define STATE_FORMAT_MINOR 1
#define STATE_FACTS_AT     4096u
#define STATE_GRANULE      (UINT64_C(64) << 10)
#define STATE_EXTENSION    ".cts"

/* A table's name, how many rows it may have, and what a row is. Sizes of rows are powers
 * of two. The numbers are for ever: a new table comes last. */
#define STATE_TABLES(X)                                                                            \
    X(FD, 1u << 20, state_holding) /* by number */                                                 \
    X(KEY, 1u << 20, state_holding)                                                                \
    X(RANGE, 1u << 17, state_holding)                                                              \
    X(BLOCK, 1u << 26, state_block)                                                                \
    X(NODE, 1u << 22, state_node)   /* by id; so is the next */                                    \
    X(TALLY, 1u << 22, state_tally) /* what became of what the stack acquired */                   \
    X(CONTEXT, 1u << 21, state_context)                                                            \
    X(TASK, 1u << 17, state_task)                                                                  \
    X(MISHAP, 1024, state_mishap)                                                                  \
    X(MODULE, 4096, state_module)                 /* by id */                                      \
    X(DETAIL, 256, state_detail)                  /* what state_holding.detail means */            \
    X(OWN_KIND, CTT_KIND_OWN_COUNT, state_detail) /* what kinds of the program's own are called */

enum state_table {
#define X(name, rows, row) STATE_##name,
    STATE_TABLES(X)
#undef X
        STATE_TABLE_COUNT
};

struct state_table_facts {
    uint32_t rows;
    uint32_t row_bytes;
    uint32_t parts; /* of the directory: it has so many numbers for this table, */
    uint32_t first; /* from this one on */
};

/* What became of a process whose file is still there. */
enum state_over {
    STATE_OVER_NOT = 0, /* it lives, or ended without a word */
    STATE_OVER_ENDED = 1,
    STATE_OVER_EXEC = 2, /* it is another program now */
    STATE_OVER_LOST = 3, /* it ended, and could not write its dump */
    STATE_OVER_OFF = 4,  /* `ctxtrace off` */
};

struct state_header {
    char magic[8]; /* written last */
    uint16_t format_major;
    uint16_t format_minor;
    uint32_t byte_order; /* CTT_BYTE_ORDER */
    uint64_t facts_at;   /* offset */
    uint64_t facts_bytes;
    uint32_t granule_bytes;
    uint32_t pid;
    uint32_t table_count;
    uint32_t reserved;
    uint64_t start_ticks;   /* field 22 of /proc/PID/stat */
    uint32_t is_fork_child; /* memory that it has inherited is not in the table */
    uint32_t over;          /* enum state_over */
    uint64_t inherited_before_ns;
    uint64_t begun_ns;     /* what is in the file is from then on, or was held then */
    uint64_t directory_at; /* offset of uint32_t[] */
    struct state_table_facts tables[STATE_TABLE_COUNT];
};

/* A descriptor, a mapping, or what has an odd key: as ctt_holding has it. */
struct state_holding {
    uint32_t live;
    uint8_t kind;   /* enum ctt_kind_id */
    uint8_t detail; /* index of a row of DETAIL */
    uint16_t flags; /* enum ctt_holding_flags */
    uint32_t context;
    uint32_t task;
    uint32_t stack;
    uint32_t owner_kind;
    uint32_t last_task;
    uint32_t last_used_ms; /* plus 1; 0: never */
    uint64_t handle;
    uint64_t owner; /* of a thread: its task; of an opened library: its module */
    uint64_t acquired_ns;
    uint64_t bytes;
    uint32_t source; /* descriptor that it was duplicated from, plus 1; 0: none */
    uint32_t source_stack;
    char unused[56];
};

struct state_block {
    uint32_t live;
    uint32_t stack;
    uint64_t bytes; /* and STATE_BLOCK_DRAWN */
    uint32_t context;
    uint32_t task;
    uint32_t born_ms;
    uint32_t reserved;
};
/* A sample fell on it: it stands for others (ctt_process.sample_bytes). */
#define STATE_OPENING_HANDLE(key) ((key) & ((UINT64_C(1) << 48) - 1)) /* of a library */
#define STATE_BLOCK_DRAWN         (UINT64_C(1) << 63)

/* A stack is the path from its node to a root; `parent` of the outermost is
 * STATE_ROOT_FIRST + an enum ctt_cut. */
struct state_node {
    uint32_t live;
    uint32_t parent;
    uint64_t pc; /* as CTT_STACK has it */
};
#define STATE_STACK_OVERFLOW 1u
#define STATE_ROOT_FIRST     2u
#define STATE_NODE_FIRST     (STATE_ROOT_FIRST + CTT_CUT_COUNT)

/* Of memory up to 64 acquisitions for each thread and stack may be missing. `released` is
 * what the reader works out. */
struct state_tally {
    uint32_t live;
    uint32_t reserved;
    struct ctt_site site;
    char unused[128 - 8 - sizeof(struct ctt_site)];
};

struct state_context {
    uint32_t live; /* its id */
    uint32_t parent;
    uint32_t kind;
    uint32_t state;
    uint32_t flags;
    uint32_t created_stack;
    uint32_t ended_stack;
    uint32_t reserved;
    uint64_t created_ns;
    uint64_t ended_ns; /* CTT_NEVER while active */
    char name[80];
};

struct state_task {
    uint32_t live; /* its id */
    uint32_t tid;
    uint32_t context;
    uint32_t creator;
    uint32_t flags;
    uint32_t created_stack;
    uint64_t created_ns;
    uint64_t ended_ns;
    char name[16]; /* once it has ended */
    uint64_t reserved;
};

struct state_mishap {
    uint32_t live;
    uint32_t reserved;
    struct ctt_mishap fact;
    char unused[256 - 8 - sizeof(struct ctt_mishap)];
};

struct state_module {
    uint32_t live;
    uint32_t flags; /* without CTT_MODULE_UNLOADED */
    uint32_t loaded_generation;
    uint32_t unloaded_generation;
    uint64_t start, end, bias;
    char build_id[48];
    char path[424]; /* cut where it is longer */
};

struct state_detail {
    uint32_t live;
    char text[60];
};

#define X(name, rows, row)                                                                         \
    _Static_assert((sizeof(struct row) & (sizeof(struct row) - 1)) == 0, "a power of two");
STATE_TABLES(X)
#undef X

#endif
