/* SPDX-License-Identifier: MIT */
/*
 * The frames of a thread of another program, by libunwind, out of a picture of its registers
 * and stack.
 *
 * libunwind-ptrace's own accessors read word after word of a thread that stands still for all
 * of that time, and find unwind tables in files. Ours read the copy, and the tables in the
 * program's memory: the thread stands for the copying alone, and files that have been replaced
 * or are in another container do not matter.
 */
#ifndef REPORT_LIVE_UNWIND_H
#define REPORT_LIVE_UNWIND_H

#include "live_stop.h"

/* Where tables that we have made are shown to libunwind: nobody's memory. */
#define LIVE_TABLE_AT    UINT64_C(0xffffa00000000000)
#define LIVE_TABLE_SHIFT 32

/* Why a stack ends before its outermost frame. */
enum live_cut {
    LIVE_CUT_NONE,
    LIVE_CUT_REGISTER, /* the next frame depends on a register that is not known */
    LIVE_CUT_MEMORY,   /* on memory that could not be read, or lies beyond the copy */
    LIVE_CUT_NO_RULE,  /* no unwind information */
    LIVE_CUT_NO_CODE,  /* called from what is not a file's code (JIT) */
    LIVE_CUT_DEPTH,    /* more frames than we count */
};

struct live_pc {
    uint64_t address;
    bool exact; /* not a return address: where it is, or was interrupted */
};

struct live_frames {
    struct live_pc *items;
    size_t count, room;
    enum live_cut cut;
    uint64_t missed; /* memory that would have been needed, beyond the copies; or 0 */
};

struct live_unwinder;

/* NULL: no memory. */
struct live_unwinder *live_unwinder_new(struct live_memory *memory);
struct live_unwinder *live_unwinder_free(struct live_unwinder *unwinder);

/* Where `stands_still`, what is not in the copies is read from the program: it waits. */
void live_unwind(struct live_unwinder *unwinder, const struct live_picture *picture,
                 bool stands_still, struct live_frames *ret);

#endif
