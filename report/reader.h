/* SPDX-License-Identifier: MIT */
/*
 * The records of a dump, one after another, from memory.
 *
 * Nothing in the bytes is believed: every length is checked against what is
 * left, so that any input at all is either read or refused, and never read
 * outside. A dump without its trailer is read up to the cut. What the bytes
 * mean is model.h's business.
 */
#ifndef REPORT_READER_H
#define REPORT_READER_H

#include <stddef.h>
#include <stdint.h>

#include "preload/format.h"

/* What is wrong with a dump, mildest first. From READER_EMPTY on there is
 * nothing to show. */
enum reader_fault {
    READER_WHOLE = 0,
    READER_BAD_COUNT,
    READER_BAD_CRC,
    READER_CUT,
    READER_EMPTY,
    READER_NOT_A_DUMP,
    READER_FOREIGN,
    READER_NEWER,
    READER_CUT_HEADER,
    READER_FAULT_COUNT
};

struct reader {
    const unsigned char *bytes;
    size_t size;
    size_t at; /* the next record */
    uint64_t records;
    uint16_t format_major, format_minor;
    enum reader_fault fault; /* final once reader_next() has returned 0 */
};

struct reader_record {
    uint16_t type;
    size_t length;
    const unsigned char *payload; /* `length` bytes, not aligned */
};

/* Returns 0, or a fault from READER_EMPTY on. `bytes` is not copied. */
int reader_start(struct reader *ret_reader, const void *bytes, size_t size);

/* Returns 1 and a record, or 0 at the end: see `fault` for which end. */
int reader_next(struct reader *reader, struct reader_record *ret_record);

/* The fixed part of a record: what an older writer left out is zero, what a
 * newer one added is left. */
void reader_copy_fixed(const struct reader_record *record, void *ret_fixed, size_t bytes);

/* A sentence for a person, without full stop. NULL for READER_WHOLE. */
const char *reader_fault_sentence(enum reader_fault fault);

#endif
