/* SPDX-License-Identifier: MIT */
/*
 * .eh_frame: from a pc to the unwind rules that hold there.
 *
 * Three steps: the entry (FDE with its CIE) that covers the pc, found through
 * the sorted table in .eh_frame_hdr; the entry's call-frame program, run up to
 * the pc; the row of rules that it leaves. Everything here is a pure function
 * of the bytes in an eh_view, reads nothing outside it, and allocates nothing:
 * safe in a signal handler, and testable on a damaged copy.
 *
 * Results: CTT_CUT_NONE, or why there is no row.
 */
#ifndef FACTS_UNWIND_EH_H
#define FACTS_UNWIND_EH_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/format.h"

/* One module's unwind tables. hdr is NULL when it has none. */
struct eh_view {
    const uint8_t *hdr, *hdr_end; /* PT_GNU_EH_FRAME */
    const uint8_t *low, *high;    /* the loaded segment that holds .eh_frame */
};

struct eh_entry {
    uintptr_t start, end;                 /* the code that it covers */
    const uint8_t *initial, *initial_end; /* the CIE's program */
    const uint8_t *program, *program_end; /* the FDE's program */
    uint64_t code_align;
    int64_t data_align;
    uint64_t return_register;
    uint8_t encoding; /* of code addresses in this entry */
    bool signal_frame;
};

/* What is known about one register in the caller. */
enum cfi_how {
    CFI_UNSPECIFIED = 0, /* by convention: as it was */
    CFI_UNDEFINED,
    CFI_SAME,
    CFI_OFFSET,         /* saved at CFA + offset */
    CFI_VAL_OFFSET,     /* is CFA + offset */
    CFI_REGISTER,       /* in `reg`; for the CFA itself: reg + offset */
    CFI_EXPRESSION,     /* saved at the expression's value; the CFA: is it */
    CFI_VAL_EXPRESSION, /* is the expression's value */
};

/* An expression is bytes [offset, offset + length) counted from view->low. */
struct cfi_rule {
    int32_t offset;
    uint16_t length;
    uint8_t reg;
    uint8_t how; /* enum cfi_how */
};

/* The registers that a walk carries; no others' rules are kept. */
enum cfi_tracked { CFI_BX, CFI_FP, CFI_SP, CFI_RA, CFI_TRACKED };

/* Their DWARF numbers. */
#if defined(__x86_64__)
#define CFI_NUMBER_BX UINT64_C(3)
#define CFI_NUMBER_FP UINT64_C(6)
#define CFI_NUMBER_SP UINT64_C(7)
#define CFI_NUMBER_RA UINT64_C(16)
#else
#error "DWARF register numbers for this machine"
#endif

struct cfi_row {
    struct cfi_rule cfa;
    struct cfi_rule saved[CFI_TRACKED];
    uintptr_t end; /* where another row begins to hold, or the entry ends */
};

/* Where .eh_frame begins, as .eh_frame_hdr says; NULL if that is not clear. */
const uint8_t *eh_frames(const struct eh_view *view);

enum ctt_cut eh_entry_find(const struct eh_view *view, uintptr_t pc, struct eh_entry *ret_entry);

/* Where the entry at `at` ends, or NULL: there is none, or it is the end mark. */
const uint8_t *eh_next(const struct eh_view *view, const uint8_t *at);

/* The FDE at `at`, whatever it covers. */
enum ctt_cut eh_entry_read(const struct eh_view *view, const uint8_t *at,
                           struct eh_entry *ret_entry);

/* unwind_cfa.c */
enum ctt_cut eh_row_at(const struct eh_view *view, const struct eh_entry *entry, uintptr_t pc,
                       struct cfi_row *ret_row);

#endif
